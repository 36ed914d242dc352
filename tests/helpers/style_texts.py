"""Texts for tests of the style lane, written for them, and strategies that make more."""

from hypothesis import strategies as st

WRITTEN = [
    "",
    "a",
    "7",
    "😀",
    ".",
    'The dog didn\'t bark, and nobody knew why. "Perhaps it slept!" she said; I doubt it.',
    "In conclusion, the implementation of sustainable measures is crucial. However, the costs of "
    "such measures remain high. Moreover, many communities lack the ability to pay for them.",
    "3.14 and 1,000 and 2026-01-02; 50% of it",
    "def f(x):\n    return {'a': [x ** 2 for x in range(10)]}  # comment",
    "| a | b |\n|---|---|\n| 1 | 2 |",
    "Der Hund hat nicht gebellt, obwohl es geregnet hat. Warum eigentlich? Das weiß keiner so.",
    "Saya tidak tahu mengapa hal itu terjadi, tetapi kita harus menjaga lingkungan. Bukan begitu?",
    "我觉得这个方法不错，但是还有一些问题。首先，它太慢了！其次，它很贵吗？一心一意，总之可以。",
    "這個方法雖然簡單，但是並不適合所有的情況。我們需要更多的資料來驗證它。",
    "この方法は簡単ですが、すべての場合に使えるわけではありません。しかし、便利だと思います。",
    "mixed 文字 and слова, и ещё καὶ λόγος! ΣΑΣ İstanbul",
    "no end here",
    "One. Two! Three? 'Four.' (Five.) e.g. six... seven",
    "the the the the the the",
    "\ud800 lone surrogate",
    "i recieve thier mail alot becuase the goverment dont care,and on monday it could of failed.",
    'We seen that. people thinks so! (teh "adress" is an hard one, isnt it?) to the the knowl- ege',
]

ALPHABET = "abcXYZ éßİΣ0123.,!?;:'\"()-%。、中的了カのは😀\n\t*#"
TEXTS = st.one_of(
    st.sampled_from(WRITTEN),
    st.text(max_size=80),
    st.text(ALPHABET, max_size=80),
    st.lists(st.sampled_from([text for text in WRITTEN if text]), max_size=4).map(" ".join),
)
BATCHES = st.lists(TEXTS, max_size=6)
