"""build.py VERSION OUT: writes the OpenAPI document as a C file. Called by Meson. Each dialect's file here says its operations;
tests/api/test_openapi.py holds them against the running server's table of routes and its answers."""
import json
import sys

import common
import native  # noqa: F401
import openai  # noqa: F401
import explorer  # noqa: F401

version, out = sys.argv[1:]
common.schema("Error", common.whole(error=common.whole(
    message=common.TEXT, type=common.maybe(common.TEXT), param=common.maybe(common.TEXT), code=common.maybe(common.TEXT))))
document = {
    "openapi": "3.1.0",
    "info": {"title": "Cloche", "version": version, "license": {"name": "MIT", "identifier": "MIT"},
             "description": "A self-hosted code interpreter. Every path under /v1 is also served without /v1."},
    "servers": [{"url": "/"}],
    "security": [{}, {"key": []}, {"browser": []}],
    "tags": common.TAGS,
    "paths": common.PATHS,
    "components": {"schemas": common.SCHEMAS, "responses": common.ANSWERS, "securitySchemes": {
        "key": {"type": "http", "scheme": "bearer", "description": "Needed once a key exists: `cloche key create`."},
        "browser": {"type": "apiKey", "in": "cookie", "name": "cloche_session"}}},
}
text = json.dumps(document, ensure_ascii=True, separators=(",", ":"))
pieces = "\n".join(json.dumps(text[i:i + 100]).replace("??", '?\\?') for i in range(0, len(text), 100))
with open(out, "w") as file:
    file.write(f'/* Made by src/api/openapi/build.py. */\n#include "api/openapi/openapi.h"\n\n'
               f"const char openapi_document[] =\n{pieces};\nconst size_t openapi_document_length = {len(text)};\n")
