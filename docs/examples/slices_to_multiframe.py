"""CT slices to one Legacy Converted Enhanced CT image (PS3.3 A.70): python slices_to_multiframe.py OUT SLICE..."""

import sys

from pydicom import Dataset, dcmread, uid

import streamdcm

WHOLE = """PatientName PatientID PatientBirthDate PatientSex StudyInstanceUID StudyID StudyDate StudyTime
AccessionNumber ReferringPhysicianName Modality SeriesNumber Laterality PatientPosition FrameOfReferenceUID
PositionReferenceIndicator Manufacturer ImageType ContentDate ContentTime SamplesPerPixel PhotometricInterpretation Rows
Columns BitsAllocated BitsStored HighBit PixelRepresentation PixelPaddingValue LossyImageCompression"""
GROUPS = {
    "ConversionSourceAttributesSequence": "ReferencedSOPClassUID ReferencedSOPInstanceUID",
    "CTImageFrameTypeSequence": "FrameType PixelPresentation VolumetricProperties VolumeBasedCalculationTechnique",
    "FrameContentSequence": "FrameAcquisitionNumber",
    "PixelMeasuresSequence": "PixelSpacing SliceThickness",
    "PixelValueTransformationSequence": "RescaleIntercept RescaleSlope RescaleType",
    "PlaneOrientationSequence": "ImageOrientationPatient",
    "PlanePositionSequence": "ImagePositionPatient",
}
paths = sorted(sys.argv[2:], key=lambda path: dcmread(path, stop_before_pixels=True).InstanceNumber)
whole = dcmread(paths[0], specific_tags=WHOLE.split())
whole.SOPClassUID, whole.SOPInstanceUID = uid.LegacyConvertedEnhancedCTImageStorage, uid.generate_uid()
whole.SeriesInstanceUID, whole.InstanceNumber, whole.PresentationLUTShape = uid.generate_uid(), 1, "IDENTITY"
whole.ImageType, whole.PixelPresentation = [*whole.ImageType[:2], "VOLUME", "NONE"], "MONOCHROME"
whole.VolumetricProperties, whole.VolumeBasedCalculationTechnique = "VOLUME", "NONE"
whole.AcquisitionContextSequence, whole.SharedFunctionalGroupsSequence = [], [Dataset()]
with streamdcm.open_writer(sys.argv[1], whole, number_of_frames=len(paths), enforce_file_format=True) as writer:
    for image in map(dcmread, paths):  # one slice at a time is in memory
        groups, pixels, image.RescaleType = Dataset(), image.pixel_array, "HU"
        image.FrameAcquisitionNumber, image.FrameType = image.AcquisitionNumber, whole.ImageType
        image.ReferencedSOPClassUID, image.ReferencedSOPInstanceUID = image.SOPClassUID, image.SOPInstanceUID
        image.update(whole)
        for name, keywords in GROUPS.items():
            setattr(groups, name, [Dataset({image[word].tag: image.pop(word) for word in keywords.split()})])
        rest = Dataset({each.tag: each for each in image if each.tag not in whole and each.keyword != "PixelData"})
        groups.UnassignedPerFrameConvertedAttributesSequence = [rest]
        writer.write_frame(pixels, groups=groups)
