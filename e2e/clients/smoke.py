"""Uses the generated Python client: signs in by a header, uploads a file, lists and reads it."""

import io
import sys
import urllib.parse

from tidegate_client import Client
from tidegate_client.api.files import (
    begin_file_uploads,
    complete_file_upload,
    get_file_metadata,
    list_files,
    read_file_link,
    send_file_part,
    sign_file_link,
)
from tidegate_client.api.images import create_image, list_images
from tidegate_client.models import ErrorBody, FileCompletion, FileRequest, FileUploadsRequest, ImageRequest
from tidegate_client.types import File

with Client(base_url=sys.argv[1], headers={"X-User-Id": "python"}) as client:
    new = FileUploadsRequest(mode="single", files=[FileRequest(name="a.txt", size=5, mime="text/plain")], folder="main")
    begun = begin_file_uploads.sync(client=client, body=new)
    sent = send_file_part.sync(begun.upload_id, 1, client=client, body=File(payload=io.BytesIO(b"Hello")))
    assert sent.part_number == 1, sent
    done = complete_file_upload.sync(client=client, body=FileCompletion(upload_id=begun.upload_id, parts=[]))
    assert done.status == "READY" and done.size == 5, done
    assert [file.key for file in list_files.sync(client=client, limit=10).files] == [done.key]
    assert get_file_metadata.sync(done.key, client=client).mime == "text/plain"
    link = urllib.parse.urlparse(sign_file_link.sync(client=client, key=done.key, v=1).url)
    signed = urllib.parse.parse_qs(link.query)
    read = read_file_link.sync(link.path.rsplit("/", 1)[1], client=client, exp=int(signed["exp"][0]), sig=signed["sig"][0])
    assert read.payload.read() == b"Hello"
    missing = get_file_metadata.sync(f"{done.key}-not", client=client)
    assert isinstance(missing, ErrorBody) and missing.error.code == "NOT_FOUND", missing
    image = create_image.sync(client=client, body=ImageRequest(name="disk"))
    assert [one.image_id for one in list_images.sync(client=client, status="ALL").images] == [image.image_id]
    print("the client works")
