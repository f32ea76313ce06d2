"""Slices of a series to one multi-frame image: python slices_to_multiframe.py FOLDER OUT. One slice is in memory."""

import sys
from pathlib import Path

from pydicom import Dataset, dcmread
from pydicom.uid import MultiFrameGrayscaleWordSecondaryCaptureImageStorage, generate_uid

import streamdcm


def place_of(image: Dataset) -> Dataset:
    """Return what is said of one frame alone (PS3.3 C.7.6.16.2.3)."""
    position = Dataset()
    position.ImagePositionPatient = image.ImagePositionPatient
    groups = Dataset()
    groups.PlanePositionSequence = [position]
    return groups


def main(folder: Path, out: Path) -> None:
    paths = sorted(folder.glob("*.dcm"), key=lambda path: dcmread(path, stop_before_pixels=True).InstanceNumber)
    dataset = dcmread(paths[0], stop_before_pixels=True)
    dataset.SOPClassUID = MultiFrameGrayscaleWordSecondaryCaptureImageStorage
    dataset.SOPInstanceUID = generate_uid()
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    with streamdcm.open_writer(out, dataset, number_of_frames=len(paths)) as writer:
        for path in paths:
            image = dcmread(path)
            writer.write_frame(image.PixelData, groups=place_of(image))
    print(f"{out}: {len(paths)} frames, {writer.result.bytes_written:,} bytes")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
