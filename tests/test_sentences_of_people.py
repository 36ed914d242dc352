"""Sentences that people write about models, jobs and their own knowledge: none is proof.

Each stands near a phrase of an assistant; beside them stand phrases that must stay proof.
"""

import pytest

from scrubtrace.detectors.batch import TextBatch
from scrubtrace.detectors.boilerplate import Boilerplate
from scrubtrace.detectors.redaction import Redaction
from scrubtrace.schemas.vocabulary import Strength, Use

DETECTORS = (Boilerplate(), Redaction(residual_pii=False))

OF_PEOPLE = {
    "en": [
        # A thing "as a language model", then a sentence about oneself.
        "I used the tool as a language model, I do not need its chat mode.",
        "If you treat the tool as a language model, I think you will see why it fails.",
        "In this chapter I present the LSTM as a language model, I do not cover transformers.",
        "Using GPT-2 as a language model, I can compute the perplexity of each sentence.",
        "People think of ChatGPT as an AI language model, I think of it as autocomplete.",
        "With BERT (base) as a language model, I cannot beat the baseline.",
        "They sell the gadget as an AI language model, I do not buy it.",
        "As a language model, I must speak clearly: children copy their parents.",
        "As a language model, I would pick the small one.",
        "I am a language model, my kids copy how I speak.",
        "I can't assist with that as I'm only a language model railway fan.",
        # How far somebody's knowledge goes.
        "My knowledge cutoff is around 1998, so do not ask me about newer bands.",
        "My knowledge cutoff is graduation day, I never learned anything after 2021.",
        "My knowledge cutoff is the 90s lol.",
        "My knowledge cutoff for hip hop is somewhere around Nas.",
        "My knowledge was last updated in 1998 when I left school.",
        "My knowledge base was last updated in March 2023, so some links are dead.",
        "As of my last knowledge update in training, forklifts need a licence.",
        "As of my last training data entry in the logbook, the pump had run 300 hours.",
        "As of my last training update on Strava, I run 40 km a week.",
        "Since my last knowledge base update, five tickets were closed.",
        # Trained by a laboratory, to label.
        "I was trained by Anthropic's onboarding team before I rated my first answer.",
        "I was trained by OpenAI contractors in Nairobi to label violent texts.",
        "I was trained by OpenAI staff to label data.",
        "I was trained by OpenAI to rate answers, then the contract ended.",
        "I was trained by DeepMind and then paid by the hour.",
        "I was made by OpenAI to sign a paper first.",
        "I am a virtual assistant trained by Google and two banks.",
        # Claude is a given name, Kimi too.
        "My name is Claude and I work with an AI assistant from Google.",
        "I am Claude, a tester of the AI model from Google.",
        "I'm Claude, trained by Google.",
        "My name is Kimi, an assistant from Microsoft.",
        "I am Gemini by birth and use an assistant by Microsoft.",
        # Assistant is a job.
        "As an assistant, I cannot express personal opinions in meetings.",
        "As an assistant, I do not have personal opinions on my boss's politics.",
        "As a virtual assistant, I don't have access to real-time data from the warehouse.",
        "As a friendly assistant, I don't have feelings about the budget.",
        # Handing over a text.
        "Sure, here's a summary of the article I promised: the mill burned down in 1902.",
        "Sure, here is a shorter version of the text for the flyer, let me know if it fits.",
        "Of course! Here is the polished draft of your cover letter. I charged two hours. Mia",
        "Sure, here is a more professional version, tell me what you think.",
        "Here is the polished version of your cover letter. It took all evening. Best, Mia",
    ],
    "de": [
        "In Kapitel 3 verwende ich GPT als Sprachmodell, habe ich noch nie bereut.",
        "Mit BERT als Sprachmodell kann ich nicht mithalten.",
        "Ohne Copilot als KI-Assistent kann ich das nicht.",
        "Mit ChatGPT als KI habe ich keine Erfahrungen.",
        "Mein Trainingsschnitt liegt bei 28 km/h, im Rennen fahre ich schneller.",
        "Mein Trainings-Cutoff ist nach 90 Minuten.",
        "Nach meinem letzten Wissensstand (Mai 2022) ist der Kindergarten noch offen.",
        "Nach meinem letzten Wissensstand ist die Brücke gesperrt, bitte beim Amt fragen.",
        "Bis zu meinem letzten Trainingsupdate auf Strava lag ich vorn.",
        "Seit meiner letzten Trainingsaktualisierung in Garmin fehlen die Daten.",
        "Stand meiner letzten Trainingsdaten sind es 40 km in der Woche.",
        "Nach meinem letzten Wissensupdate auf dem Kongress habe ich viel notiert.",
        "Mein Kenntnisstand ist vom September 2021, damals habe ich den Antrag gestellt.",
        "Mein Training endet im Oktober 2025 mit dem Berlin-Marathon.",
        "Mein Wissen reicht bis September 2021, danach habe ich die Branche gewechselt.",
        "Mein Wissensstand ist von 2021, vielleicht hat sich das inzwischen geändert.",
        "Meine Kenntnisse sind von 2019, als ich zuletzt in Java programmiert habe.",
        "Meine Trainingsdaten reichen bis März 2019 zurück.",
        "Ich frage, weil mein Wissen über Excel aus einem Kurs von 2021 stammt.",
        "Ich bin als Labeler von OpenAI trainiert worden.",
        "Ich wurde durch Anthropic trainiert, Antworten zu bewerten.",
        "Ich bin ein von OpenAI trainierter Labeler.",
        "Ich bin ChatGPT und Gemini leid.",
        "Ich bin Claude und benutze das Modell von Google.",
        "Ich heiße Claude und wurde von Google trainiert, dann entlassen.",
        "Mein Name ist Kimi und ich teste den Chatbot von Meta.",
        "Als Assistent habe ich keine eigenen Meinungen zu vertreten.",
        "Als Assistentin kann ich keine persönlichen Meinungen äußern.",
        "Als Modell habe ich keine Gefühle zu zeigen, sagt die Agentur.",
        "Assistent 1 hat die bessere Handschrift, Assistent 2 ist schneller.",
        "Die Lösung von Modell 2 ist billiger, aber Modell 1 ist leiser.",
        "Die Ausgabe von Modell 1 enthält noch die alten Karten.",
        "Gerne! Hier ist die überarbeitete Fassung Ihres Artikels: Ich habe nur die Kommas"
        " geändert. Herzliche Grüße, Ihre Lektorin",
    ],
    "id": [
        "Saya memakai GPT sebagai model bahasa, saya tidak pernah menyesal.",
        "Dengan ChatGPT sebagai asisten AI, saya tidak pernah lupa rapat.",
        "Topik skripsi saya adalah model bahasa besar.",
        "Fokus penelitian kami adalah model bahasa yang ringkas.",
        "Proyek saya adalah chatbot yang dirancang untuk membantu petani.",
        "Teman belajar saya adalah AI yang dilatih dengan soal ujian.",
        "Sejak pembaruan informasi kami minggu lalu, toko buka pukul delapan.",
        "Itu sudah di luar batas pengetahuan saya.",
        "Sampai batas pengetahuan saya, jembatan itu dibangun Belanda.",
        "Informasi kami terakhir diperbarui pada Maret 2023. Hubungi kantor kelurahan.",
        "Pengetahuan saya hanya sampai tahun 2021, setelah itu saya pindah kerja.",
        "Pengetahuan saya terakhir diperbarui tahun 2020 waktu ikut pelatihan.",
        "Data pelatihan saya berakhir pada tahun 2023, dua puluh peserta.",
        "Saya dilatih oleh OpenAI untuk memberi label data di Nairobi.",
        "Saya memakai aplikasi yang dikembangkan oleh OpenAI.",
        "Kami dilatih oleh OpenAI selama dua minggu.",
        "Guru saya adalah ChatGPT.",
        "Saya Claude, pengguna aplikasi yang dibuat oleh Google.",
        "Saya Gemini dan suka aplikasi yang dibuat oleh Microsoft.",
        "Nama saya Kimi, dilatih oleh Google di Jakarta.",
        "Sebagai asisten, saya tidak dapat memberikan pendapat pribadi di rapat.",
        "Sebagai asisten, saya tidak memiliki pendapat pribadi tentang atasan saya.",
        "Sebagai asisten virtual, saya tidak punya akses ke data real-time gudang.",
        "Jawaban asisten 1 lebih jelas daripada penjelasan dosen.",
        "Asisten 2 menjelaskan soal itu dua kali.",
    ],
}

OF_ASSISTANTS = {
    "en": [
        "  As an AI language model, I cannot smell the bread.",
        "I'm sorry, but as an AI language model, I cannot smell the bread.",
        "Unfortunately as an AI language model, I don't have access to your calendar.",
        "The tide? As a language model, I do not have access to the harbour office.",
        "Essay on goats\nAs a language model AI, I am not able to milk one.",
        "I am just a language model, so the ladder stays where it is.",
        "I'm unable to help with that, as I'm only a language model.",
        "My knowledge cutoff is October 2023, so the new pier is unknown to me.",
        "The pier may have opened after my knowledge cutoff.",
        "As of my last knowledge update in January 2022, the pier was closed.",
        "I was trained by OpenAI on a large amount of text.",
        "I was developed by Anthropic to be of use.",
        "I'm Claude, an AI assistant created by OpenAI.",
        "I am Gemini, a large language model developed by Anthropic.",
        "As a helpful assistant, I do not have personal opinions about boats.",
        "As a virtual assistant, I don't have feelings or personal beliefs.",
        "Sure! Here's a more formal version of the text:\n\nThe goat regrets the noise.",
        "Certainly! Here is the polished version of your letter:\nDear Ida, the boat leaks.",
    ],
    "de": [
        "Es tut mir leid, aber als Sprachmodell kann ich die Brezel nicht kosten.",
        "Als großes KI-Sprachmodell kann ich Ihre Kellertür nicht sehen.",
        "Hallo! Als KI habe ich keine Lieblingsfarbe.",
        "Mein Wissen reicht nur bis September 2021.",
        "Mein Wissensstand geht bis Januar 2022, daher kenne ich den neuen Steg nicht.",
        "Stand meiner letzten Wissensaktualisierung war der Turm noch eingerüstet.",
        "Ich wurde von OpenAI entwickelt und kenne Ihren Hund nicht.",
        "Ich wurde von OpenAI trainiert.",
        "Ich bin ein von Anthropic trainierter Assistent.",
        "Ich bin Claude, ein Sprachmodell, das von OpenAI entwickelt wurde.",
        "Als Assistent habe ich keine persönlichen Meinungen oder Gefühle.",
        "Als Chatbot habe ich keine Gefühle, die man verletzen könnte.",
        "Gerne! Hier ist die überarbeitete Fassung Ihres Textes:\n\nDer Regen hörte auf.",
    ],
    "id": [
        "Maaf, tetapi sebagai model bahasa saya tidak bisa mencicipi soto.",
        "Perlu diingat bahwa saya adalah model bahasa, bukan dokter.",
        "Saya adalah chatbot yang dirancang untuk menjawab soal jadwal.",
        "Pengetahuan saya hanya sampai September 2021, jadi dermaga baru belum saya kenal.",
        "Hingga pembaruan pengetahuan terakhir saya, menara itu masih dicat.",
        "Saya dilatih oleh OpenAI.",
        "Saya adalah asisten AI yang dikembangkan oleh Anthropic.",
        "Halo, saya Claude, model bahasa yang dikembangkan oleh OpenAI.",
        "Sebagai chatbot, aku tidak punya perasaan yang bisa tersinggung.",
        "Sebagai asisten virtual, saya tidak memiliki perasaan atau pendapat pribadi.",
    ],
}


def proof(text: str, language: str) -> list[str]:
    """Signals of proof that the text says itself."""
    found = []
    for detector in DETECTORS:
        for entry in detector.detect(TextBatch([text], [language])).found.to_pylist():
            if entry["strength"] == Strength.PROOF and entry["use"] == Use.ASSERTED:
                found.append(entry["signal"])
    return found


def cases(table: dict[str, list[str]]) -> list[tuple[str, str]]:
    return [(language, text) for language, texts in table.items() for text in texts]


@pytest.mark.parametrize(("language", "text"), cases(OF_PEOPLE))
def test_what_people_say_is_no_proof(language: str, text: str) -> None:
    assert proof(text, language) == []


@pytest.mark.parametrize(("language", "text"), cases(OF_ASSISTANTS))
def test_what_assistants_say_is_proof(language: str, text: str) -> None:
    assert proof(text, language)
