"""The yardstick: as little as a starlette server that verifies signatures can be. Run: `bare_server.py PORT`.

At `/ws` it sends a prepared text to all who are connected there, whenever anybody sends it anything.
"""

import base64
import hashlib
import hmac
import json
import sys
from urllib.parse import parse_qsl

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

SECRET = base64.b64encode(hashlib.sha512(b"bare").digest()).decode()


async def signed(request: Request) -> Response:
    body = await request.body()
    fields = dict(parse_qsl(body.decode()))
    digest = hashlib.sha256(fields["nonce"].encode() + body).digest()
    expected = hmac.new(base64.b64decode(SECRET), request.url.path.encode() + digest, hashlib.sha512).digest()
    if not hmac.compare_digest(base64.b64encode(expected).decode(), request.headers["api-sign"]):
        return JSONResponse({"error": ["EAPI:Invalid key"]})
    return JSONResponse(ANSWERS["signed"][request.path_params["method"]])


async def constant(request: Request) -> Response:
    return Response(ANSWERS["constant"][request.path_params["method"]], media_type="application/json")


SOCKETS: list[WebSocket] = []


async def fan_out(socket: WebSocket) -> None:
    await socket.accept()
    SOCKETS.append(socket)
    try:
        while True:
            await socket.receive_text()
            for each in SOCKETS:
                await each.send_text(ANSWERS["text"])
    except WebSocketDisconnect:
        SOCKETS.remove(socket)


routes = [
    Route("/0/private/{method}", signed, methods=["POST"]),
    Route("/0/public/{method}", constant),
    WebSocketRoute("/ws", fan_out),
]

if __name__ == "__main__":
    # The answers to give, so that both servers send the same: {"signed": {method: JSON}, "constant": {method: text}}.
    ANSWERS = json.loads(sys.argv[2]) if len(sys.argv) > 2 else {"signed": {}, "constant": {"Time": "{}"}}
    uvicorn.run(
        Starlette(routes=routes),
        port=int(sys.argv[1]),
        loop="uvloop",
        http="httptools",
        ws="websockets-sansio",
        ws_per_message_deflate=False,
        access_log=False,
        log_level="error",
    )
