"""Names of columns with a known meaning, as `names.key` writes them. Earlier names win."""

from __future__ import annotations

# ruff: noqa: SIM905 - a list of words is easier to read and to extend

IDS = (
    "id caseid testid testcaseid questionid qid exampleid sampleid itemid recordid queryid promptid taskid problemid "
    "pairid uniqueid uid uuid guid key rowid idx index"
).split()
ROW_NUMBERS = "index idx rowidx rowid rownumber unnamed0 column1 nr no number".split()
GOLDENS = (
    "expectedoutput expected expectedanswer expectedresponse expectedresult groundtruth groundtruths goldens "
    "golden goldenanswer goldenanswers goldanswer gold goldlabel correctlabel expectedlabel truelabel groundtruthlabel "
    "correctcategory expectedcategory expectedclass expectedtext reference references referenceanswer "
    "referenceresponse referenceoutput idealanswer ideal correctanswer correctanswers correctresponse bestanswer "
    "groundtruthanswer groundtruthresponse target targets targettext chosen"
).split()
WEAK_GOLDENS = (
    "answer answers answersspans finalanswer output outputs response completion solution canonicalsolution "
    "summary highlights translation labeltext label class sentiment a antwort respuesta reponse risposta resposta "
    "ответ 答案 回答 정답"
).split()
"""Golden answers, unless the data set has better ones."""
ANSWERS_OF_MODELS = (
    "actualoutput actualanswer actual modeloutput modelanswer modelresponse modelresponses prediction predictions "
    "predicted predictedanswer generated generation generatedanswer generatedtext llmoutput llmresponse llmanswer "
    "rejected outputtext systemoutput"
).split()
INPUTS = (
    "question userinput userquery userquestion query prompt instruction problem task input inputs questionstem "
    "usermessage utterance message request text sentence q frage pregunta domanda pergunta вопрос 問題 質問 问题 질문 "
    "ctx goal source"
).split()
CONTEXTS = (
    "context contexts contextdocs passage passages document documents article articles paragraph story support "
    "background fact retrievedcontexts retrievalcontext evidence dialogue sourcetext"
).split()
SUMMARIES = "summary highlights".split()
TAGS = (
    "tags tag category categories topic topics type subject domain difficulty area level language lang intent "
    "split datasetsplit section skill priority kategorie"
).split()
BOOKKEEPING = (
    "createdat modifiedat updatedat timestamp datasetid sourcerunid sourcefile sourcefiles url comments comment "
    "annotator hash attachments customcolumnkeyvalues toolscalled expectedtools score scores rating ratings "
    "license persistedinstance rubrics status datasetname multiresponses rowidx incorrectanswers"
).split()
LISTS = frozenset(
    (
        "choices options endings context contexts retrievalcontext retrievedcontexts referencecontexts answers "
        "groundtruths references ideal goldenanswers aliases reference tags"
    ).split()
)
"""Columns whose text can be a list of texts, or an object, in JSON."""
OBJECTS = frozenset("messages conversations conversation dialog dialogue userinput".split())
"""Columns whose text can be a list of messages in JSON."""
WRAPPERS = frozenset(
    (
        "inputs input outputs output metadata additionalmetadata item vars fields example row sample question "
        "translation"
    ).split()
)
"""Columns whose objects hold further columns."""
CHOICE_LISTS = "choices options endings candidates".split()
CHOICE_ANSWERS = (
    "answerkey answeridx answerindex correctanswer correctoption correctchoice correct answer label gold target "
    "cop ideal expected expectedoutput golden reference groundtruth"
).split()
