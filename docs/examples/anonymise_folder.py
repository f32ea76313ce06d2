"""Anonymise a folder: python anonymise_folder.py IN OUT. Pixel data are copied unread."""

import sys
from pathlib import Path

from pydicom.uid import generate_uid

import streamdcm


def anonymised(dataset):
    """Take out who it is; UIDs of one study stay those of one study (PS3.15 annex E has the whole list)."""
    for keyword in ("PatientBirthDate", "PatientAddress", "ReferringPhysicianName", "AccessionNumber"):
        if keyword in dataset:
            setattr(dataset, keyword, None)
    dataset.PatientName = dataset.PatientID = "anonymous"
    for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"):
        setattr(dataset, keyword, generate_uid(entropy_srcs=["my secret", str(dataset[keyword].value)]))
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.PatientIdentityRemoved = "YES"


def main(source: Path, target: Path) -> None:
    for path in sorted(source.rglob("*.dcm")):
        out = target / path.relative_to(source)
        out.parent.mkdir(parents=True, exist_ok=True)
        streamdcm.rewrite(path, out, edit=anonymised)
        print(out)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
