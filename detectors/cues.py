"""Words that report speech or speak of phrases, by language, for the use-not-mention guard.

Written for normalised text: quotation marks are plain, except the East Asian corner brackets.
"""

import re2

_BEFORE = {
    "en": r"\b(?:like|such as|e\.g\.|for example|for instance|phrases?|words?|sentences?"
    r"|(?:says?|said|saying|writes?|wrote|repl(?:y|ies|ied)|respond(?:s|ed)?|answer(?:s|ed)?"
    r"|begins?|starts?|ends?|insists?|claims?|contain(?:s|ing)?|including)(?: with| that| by)?)",
    "zh": r"例如|比如|诸如|諸如|譬如|像是?|类似|類似|写着|寫著|声称|聲稱|回答说?|回答說|回答道"
    r"|回复说?|回覆|表示|他说|她说|它说|他說|她說|它說|它會說|会说|會說|包含|出现|出現|所谓的?|所謂的?"
    r"|说道?|說道?|[^知]道",
    "ja": r"例えば|たとえば|いわく|曰く|フレーズ|文言|定型文|決まり文句|言い回し|返事は|返答は"
    r"|(?:こう|次のように|以下のように)(?:答え|述べ|言|書|返)[^。\n]{0,6}",
    "de": r"\b(?:wie|etwa|zum beispiel|beispielsweise|z\. ?b\.|bspw\.|hei(?:ß|ss)t es"
    r"|mit den worten|s(?:ä|ae)tzen?|phrasen?|floskeln?|formulierung(?:en)?|wendung(?:en)?"
    r"|(?:sagte?|sagen|antworte(?:t|te|n)|schreib(?:t|en)|schrieb(?:en)?|meinte?|behauptet"
    r"|erkl(?:ä|ae)rte?|lautet(?:e|en)?|beginn(?:t|en)|endet|enden|enth(?:ä|ae)lt|enthalten"
    r"|steht)(?: mit| so| dann| immer| nur| oft| stets| der satz)*)",
    "id": r"\b(?:seperti|misalnya|contohnya|umpamanya|katanya|jawabnya|ujarnya|tulisnya|bunyinya"
    r"|menjawab|berkata|mengatakan|menulis|tertulis|berbunyi|kalimat|frasa|frase|ungkapan"
    r"|kata-kata|dimulai dengan|diawali dengan|mengaku)(?: bahwa| dengan| selalu)?",
}
"""Words right before a phrase that is reported, not said."""

_LABELS = {
    "en": r"(?:(?:my|the|your|final|short|full|sample|suggested|generated) ){0,2}"
    r"(?:answers?|repl(?:y|ies)|sentences?)"
    r"|(?:the )?(?:ai|assistant|bot|chatbot|model)(?:'s)? (?:answer|reply)",
    "zh": r"(?:AI|助手|助理|模型|最终|最終|我的|参考|參考)? ?的?"
    r"(?:回答|回复|回覆)(?:内容|內容)?",
    "ja": r"(?:AI|アシスタント|モデル)? ?の?(?:回答|返答|返信)(?:文|例)?",
    "de": r"(?:(?:meine|die|ihre) )?(?:antworten|s(?:ä|ae)tze)",
    "id": r"(?:menjawab|jawab(?:an)?nya|kalimat)",
}
"""Cues that are labels of questions and answers where they stand alone before a colon or break."""

_PHRASES = {
    "en": r"\b(?:words to|phrases|expressions|wording)\b[^.!?\n]{0,60}",
    "zh": r"(?:词语|詞語|短语|短語|话术|話術|套话|套話|字样|字樣)[^。!?\n]{0,30}",
    "ja": r"(?:フレーズ|文言|定型文|言い回し|決まり文句)[^。!?\n]{0,30}",
    "de": r"\b(?:s(?:ä|ae)tze wie|phrasen|floskeln|formulierungen|(?:rede)?wendungen"
    r"|textbausteine)\b[^.!?\n]{0,60}",
    "id": r"\b(?:frasa|frase|ungkapan|(?:kalimat|kata-kata) seperti)\b[^.!?\n]{0,60}",
}
"""Words for phrases, earlier in the same sentence."""

_AFTER = {
    "en": r"[^.!?\n]{0,60},[\"']? (?:(?:he|she|it|they|chatgpt|the \w+) (?:said|says|repl(?:y|ies"
    r"|ied)|answer(?:s|ed)|wrote|writes)|(?:said|says|replied|answered|wrote) (?:the|a|his|her"
    r"|chatgpt))\b",
    "zh": r"[^。!?\n]{0,12}(?:这样的|這樣的|这种|這種|这类|這類|之类的?|之類的?|等)(?:句子|话|話"
    r"|字样|字樣|套话|套話|说法|說法|回答|回复|回覆|提示|文字)",
    "ja": r"[^。!?\n]{0,20}[」』\"']?、?と(?:だけ|しか|は|も)?(?:答え|返(?:し|す|っ|答|事)|述べ"
    r"|言(?:う|い|っ|わ)|書(?:く|い|か)|表示|出力|回答[しす]|主張|断[っり]|告げ|語[っりる]|話[しす]"
    r"|つぶや|説明[しす]|記[しさ])"
    r"|[^。!?\n]{0,3}[」』\"']?(?:という|といっ[たて]|などの|のような|などと|なんて)",
    "de": r"[^.!?\n]{0,60},?[\"']?,? (?:antworte(?:t|te)|sagte?|hei(?:ß|ss)t es|hie(?:ß|ss) es"
    r"|schreibt|schrieb|lautete?|meinte?|entgegnete?|erkl(?:ä|ae)rte?|meldete?)"
    r" (?:der|die|das|er|sie|es|chatgpt|ein|eine|mein|meine|dann|da|darauf|dort|immer)\b",
    "id": r"[^.!?\n]{0,60},[\"']? (?:jawab|kata|ujar|ucap|balas|tulis)(?:nya)?\b",
}
"""Words that follow a reported phrase in the same sentence."""

_LLMS = (
    r"\b(?:chatgpt|openai|gpt-?[2345][a-z0-9.]*|anthropic|claude|gemini|bard|copilot|deepseek"
    r"|chatbots|llms?|language models|sprachmodellen?|ki-(?:chatbots|modellen?|systemen?|texten?)"
    r"|kecerdasan buatan generatif|model-model bahasa)\b"
    r"|大模型|大语言模型|大型語言模型|聊天机器人|聊天機器人|文心一言|生成式"
    r"|大規模言語モデル|生成AI|対話型AI|チャットボット"
)
"""LLMs and their makers, as texts about them name them."""


def _any_of(*patterns: str) -> str:
    return "|".join(patterns)


CUE_BEFORE = re2.compile(
    rf"(?i)(?:{_any_of(*_BEFORE.values())})[\s:,、]*[\"'「『]?\z|(?:{_any_of(*_PHRASES.values())})\z"
)
LABEL = re2.compile(
    rf"(?i)(?:\A|[.!?。\n\t|])[^\pL]*(?:{_any_of(*_LABELS.values())})"
    r"[^\pL\n]*[:\n|>\])】=–—-][^\pL]*\z"
)
CUE_AFTER = re2.compile(rf"(?i)\A(?:{_any_of(*_AFTER.values())})")
ABOUT_LLMS = re2.compile(f"(?i){_LLMS}")
