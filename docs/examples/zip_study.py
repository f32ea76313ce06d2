"""The instances of a study as one ZIP file: python zip_study.py FOLDER OUT.zip. Names are by series and number."""

import sys
import zipfile
from pathlib import Path

import streamdcm


def main(folder: Path, out: str) -> None:
    with zipfile.ZipFile(out, "w") as archive:
        for path in sorted(folder.rglob("*.dcm")):
            header = streamdcm.read_header(path)
            with archive.open(f"{header.sop_instance_uid}.dcm", "w", force_zip64=True) as member:
                streamdcm.rewrite(path, member, edit={"PatientName": "anonymous"})
        print(f"{out}: {len(archive.namelist())} instances")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
