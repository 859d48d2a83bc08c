"""What HTTP clients send, read with a line for what can't be read."""

from __future__ import annotations

from aiohttp import web


async def form(request: web.Request) -> list[tuple[str, str]]:
    """Return the fields of a request's form, in their order; files are none of them.

    Raises:
        HTTPBadRequest: its body is no form, or in a charset that there is none of.
    """
    try:
        fields = await request.post()
    except (ValueError, LookupError, AssertionError) as error:
        why = " ".join(str(error).split()) or type(error).__name__
        raise web.HTTPBadRequest(text=f"can't read the body: {why}\n") from error
    return [(key, value) for key, value in fields.items() if isinstance(value, str)]


async def values(request: web.Request, key: str) -> list[str]:
    """Return the values of one field of a request's form. Raises `HTTPBadRequest` as `form` does."""
    return [value for name, value in await form(request) if name == key]
