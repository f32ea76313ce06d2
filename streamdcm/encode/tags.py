"""Tags that the code names (PS3.6)."""

from typing import Final

FILE_META_GROUP_LENGTH: Final = 0x00020000
FILE_META_VERSION: Final = 0x00020001
MEDIA_STORAGE_SOP_CLASS_UID: Final = 0x00020002
MEDIA_STORAGE_SOP_INSTANCE_UID: Final = 0x00020003
TRANSFER_SYNTAX_UID: Final = 0x00020010
IMPLEMENTATION_CLASS_UID: Final = 0x00020012
IMPLEMENTATION_VERSION_NAME: Final = 0x00020013

DIRECTORY_RECORDS: Final = 0x00041220
"""Directory Record Sequence."""

SPECIFIC_CHARACTER_SET: Final = 0x00080005
IMAGE_TYPE: Final = 0x00080008
SOP_CLASS_UID: Final = 0x00080016
SOP_INSTANCE_UID: Final = 0x00080018

STUDY_INSTANCE_UID: Final = 0x0020000D
SERIES_INSTANCE_UID: Final = 0x0020000E

CONCATENATION_UID: Final = 0x00209161
IN_CONCATENATION_NUMBER: Final = 0x00209162
IN_CONCATENATION_TOTAL: Final = 0x00209163
CONCATENATION_FRAME_OFFSET: Final = 0x00209228
SOURCE_UID: Final = 0x00200242
"""SOP Instance UID of Concatenation Source."""

PHOTOMETRIC_INTERPRETATION: Final = 0x00280004
PLANAR_CONFIGURATION: Final = 0x00280006
NUMBER_OF_FRAMES: Final = 0x00280008
ROWS: Final = 0x00280010
BITS_ALLOCATED: Final = 0x00280100
PIXEL_REPRESENTATION: Final = 0x00280103
LOSSY_COMPRESSION: Final = 0x00282110
LOSSY_RATIO: Final = 0x00282112
"""Lossy Image Compression Ratio."""
LOSSY_METHOD: Final = 0x00282114
"""Lossy Image Compression Method."""
LUT_DESCRIPTOR: Final = 0x00283002
LUT_DATA: Final = 0x00283006
LUT_DESCRIPTORS: Final = frozenset({0x00281101, 0x00281102, 0x00281103, LUT_DESCRIPTOR})
"""LUT Descriptor, and the Palette Color Lookup Table Descriptors of red, green and blue."""

PIXEL_DATA_PROVIDER_URL: Final = 0x00287FE0

MAC_PARAMETERS: Final = 0x4FFE0001
"""MAC Parameters Sequence."""

PADDING_GROUP: Final = 0x7FDF
"""The group of what pads a field for an offset table: the last private one before Pixel Data."""

FRAME_CONTENT: Final = 0x00209111
"""Frame Content Sequence."""
DIMENSION_INDEX_VALUES: Final = 0x00209157
PER_FRAME_GROUPS: Final = 0x52009230
"""Per-Frame Functional Groups Sequence."""

EXTENDED_OFFSET_TABLE: Final = 0x7FE00001
EXTENDED_OFFSET_TABLE_LENGTHS: Final = 0x7FE00002
TOTAL_LENGTH: Final = 0x7FE00003
"""Encapsulated Pixel Data Value Total Length."""
FLOAT_PIXEL_DATA: Final = 0x7FE00008
DOUBLE_FLOAT_PIXEL_DATA: Final = 0x7FE00009
PIXEL_DATA: Final = 0x7FE00010
PIXEL_TAGS: Final = frozenset({PIXEL_DATA, FLOAT_PIXEL_DATA, DOUBLE_FLOAT_PIXEL_DATA})

DIGITAL_SIGNATURES: Final = 0xFFFAFFFA
"""Digital Signatures Sequence."""
TRAILING_PADDING: Final = 0xFFFCFFFC
"""Data Set Trailing Padding."""
SEQUENCE_DELIMITER: Final = 0xFFFEE0DD
"""Sequence Delimitation Item."""

# PS3.6: what Pixel Representation decides, pixel values in the dataset's own pixels' terms
US_OR_SS: Final = frozenset(
    {
        0x00189810, 0x00221452, 0x00280104, 0x00280105, 0x00280106, 0x00280107, 0x00280108, 0x00280109,
        0x00280110, 0x00280111, 0x00280120, 0x00280121, 0x00281101, 0x00281102, 0x00281103, 0x00283002,
        0x00409211, 0x00409216, 0x00603004, 0x00603006,
    }
)  # fmt: skip

# PS3.3 §C.10.9.1: what Waveform Bits Allocated decides
WAVEFORM_VALUES: Final = frozenset({0x54000110, 0x54000112, 0x5400100A, 0x54001010})

# PS3.5 §8.1.2: (60xx,3000) Overlay Data is OW in Implicit VR and may be in Explicit VR
OVERLAY_DATA: Final = frozenset(group << 16 | 0x3000 for group in range(0x6000, 0x601F, 2))
