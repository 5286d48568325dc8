"""Five hundred texts that take effect if they are read as markup."""

from __future__ import annotations

from collections.abc import Callable

ELSEWHERE = "http://elsewhere.invalid/"

TEMPLATES = (
    "<script>fire({n})</script>",
    "</script><script>fire({n})</script>",
    "<img src=x onerror=fire({n})>",
    "<IMG SRC=x ONERROR='fire({n})'>",
    '<img/src="x"/onerror=fire({n})>',
    "<svg onload=fire({n})>",
    "<svg><a><image href=x onerror=fire({n})></a></svg>",
    "<svg><image href=x onerror=fire({n})></svg>",
    "<svg><animate onbegin=fire({n}) attributeName=x dur=1s></svg>",
    "<math><mtext></mtext><img src=x onerror=fire({n})></math>",
    '<iframe srcdoc="<script>parent.fire({n})</script>"></iframe>',
    "<iframe src=javascript:parent.fire({n})></iframe>",
    "<details open ontoggle=fire({n})><summary>x</summary></details>",
    "<video poster=" + ELSEWHERE + "{n}></video>",
    "<input type=image src=x onerror=fire({n})>",
    "<style onload=fire({n})>b {{}}</style>",
    "<style>@import url(" + ELSEWHERE + "{n});</style>",
    "<link rel=stylesheet href=" + ELSEWHERE + "{n}>",
    "<img src=" + ELSEWHERE + "{n}>",
    "<object data=" + ELSEWHERE + "{n}></object>",
    "<embed src=" + ELSEWHERE + "{n}>",
    '<b style="background: url(' + ELSEWHERE + '{n})">x</b>',
    "<input type=image src=" + ELSEWHERE + "{n}>",
    "<iframe src=" + ELSEWHERE + "{n}></iframe>",
    "<picture><img srcset=" + ELSEWHERE + "{n}></picture>",
)

Disguise = Callable[[str], str]
DISGUISES: tuple[Disguise, ...] = (
    lambda text: text,
    lambda text: f'">{text}',
    lambda text: f"'>{text}",
    lambda text: f"`{text}`",
    lambda text: f"--> {text} <!--",
    lambda text: f"]]>{text}",
    lambda text: f"</b></td></tr></table></div>{text}",
    lambda text: f"{{{{ 7 * 7 }}}}{text}{{% raw %}}",
    lambda text: f"${{7 * 7}}{text}",
    lambda text: f"\u202e{text}",
    lambda text: f"\u2066{text}\u2069",
    lambda text: f"\u200b{text}\ufeff",
    lambda text: f"\U000e0041{text}",
    lambda text: f"\ud800{text}",
    lambda text: f"\x00{text}\x1b[31m\x9b",
    lambda text: f"line\r\nbreak\ttab{text}",
    lambda text: f"\u2028{text}\u2029",
    lambda text: f"&lt;b&gt;&amp;{text}&#60;",
    lambda text: f"{text}{'x' * 1_000_000}",
    lambda text: f"javascript:alert(1) __proto__ {text}",
)
TEXTS = tuple(
    disguise(template.format(n=row * len(DISGUISES) + column))
    for row, template in enumerate(TEMPLATES)
    for column, disguise in enumerate(DISGUISES)
)
"""Text number n runs `fire(n)`, or requests ELSEWHERE + n."""
SOME = range(0, len(TEXTS), 7)
"""The numbers of texts with every template and every disguise."""
