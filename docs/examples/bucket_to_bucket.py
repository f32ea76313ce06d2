"""Objects of S3, edited on their way to another bucket: python bucket_to_bucket.py s3://IN/PREFIX s3://OUT/PREFIX."""

import sys

import boto3

import streamdcm


def main(source: str, target: str) -> None:
    client = boto3.client("s3")
    bucket, _, prefix = source.removeprefix("s3://").partition("/")
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        for entry in page.get("Contents", ()):
            name = entry["Key"].removeprefix(prefix).lstrip("/")
            edit = {"PatientName": "anonymous", "PatientBirthDate": None}
            result = streamdcm.rewrite(f"s3://{bucket}/{entry['Key']}", f"{target}/{name}", edit=edit, client=client)
            print(result.location, result.bytes_written)


if __name__ == "__main__":
    main(sys.argv[1].rstrip("/"), sys.argv[2].rstrip("/"))
