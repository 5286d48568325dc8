// A chart as a slider over its places: pointing at one, or the arrow keys, show its words below.

/**
 * @param {HTMLElement} node
 * @param {Element} note
 * @param {{last: number, measured: (width: number) => any, drawn: (scale: any, selected: number) => Node,
 *   textOf: (place: number) => string, noteOf: (place: number) => (Node | string)[]}} chart
 * @returns {HTMLElement} The node. The scale of the chart has `nearest`, the place of a pixel.
 */
function slider(node, note, { last, measured, drawn, textOf, noteOf }) {
  build(node, { tabindex: 0, role: "slider", "aria-valuemin": 1, "aria-valuemax": last + 1 }, []);
  let selected = last, scale = measured(720); // until the page has a width
  const draw = () => node.replaceChildren(drawn(scale, selected));
  const select = (place) => {
    selected = Math.max(0, Math.min(last, place));
    node.setAttribute("aria-valuenow", String(selected + 1));
    node.setAttribute("aria-valuetext", textOf(selected));
    note.replaceChildren(...noteOf(selected));
    draw();
  };
  node.addEventListener("keydown", (event) => {
    const to = { ArrowLeft: selected - 1, ArrowDown: selected - 1, ArrowRight: selected + 1, ArrowUp: selected + 1, Home: 0, End: last }[event.key];
    if (to === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    select(to);
  });
  for (const kind of ["pointermove", "pointerdown"])
    node.addEventListener(kind, (event) => select(scale.nearest(/** @type {PointerEvent} */ (event).clientX - node.getBoundingClientRect().left)));
  new ResizeObserver(([entry]) => { scale = measured(Math.max(240, entry.contentRect.width)); draw(); }).observe(node);
  select(last);
  return node;
}
