"""Request bodies: read strictly, and told whole what does not fit.

`read` decodes JSON straight into a struct. When that fails, every fault is collected, each with a
JSON pointer, and an unknown member with the nearest known name: one answer, not one per try.
"""

import re
import types
from collections.abc import Hashable, Iterator
from functools import cache
from typing import Annotated, Any, Final, TypeVar, Union, cast, get_args, get_origin

import msgspec
from litestar import Request, Response

from headless.dsl.near import did_you_mean, some_of
from headless.problems import Problem

T = TypeVar("T")
Fault = dict[str, str]
_MOST_FAULTS: Final = 50
_LONGEST_REVISION: Final = 18  # digits
_TYPE: Final = re.compile(r"`([a-z]+(?: \| [a-z]+)*)`")
_WORDS: Final = {
    "str": "text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "object": "an object",
    "array": "a list",
    "null": "null",
    "datetime": "a time such as `2026-11-23T09:30:00Z`",
}


@cache
def _decoder(type_: Hashable) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(cast(Any, type_), strict=True)


async def read(request: Request[Any, Any, Any], type_: type[T], *, default: T | None = None) -> T:
    """The body as a value of `type_`; an empty body is `default`, where there is one.

    Raises Problem `unsupported_media`, `invalid_body` or `unknown_field`.
    """
    raw = await request.body()
    if not raw.strip() and default is not None:
        return default
    need_media(request, "application/json")
    return decode(raw, type_)


async def read_text(request: Request[Any, Any, Any]) -> str:
    """The body as UTF-8 text; raises Problem `invalid_body`."""
    try:
        return (await request.body()).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Problem("invalid_body", f"byte {error.start + 1} is not UTF-8") from error


def media_of(request: Request[Any, Any, Any]) -> str:
    """The body's media type without its parameters; empty when the request does not say."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def need_media(request: Request[Any, Any, Any], wanted: str, *others: str) -> None:
    """Raise Problem `unsupported_media` unless the body is of one of these media types."""
    given = media_of(request)
    if given not in (wanted, *others) and not (
        wanted == "application/json" and given.endswith("+json")
    ):
        said = f"not `{given}`" if given else "and the request does not say what it sends"
        read = " or ".join(f"`{one}`" for one in (wanted, *others))
        raise Problem("unsupported_media", f"this path reads {read}, {said}; send Content-Type")


def decode(raw: bytes, type_: type[T]) -> T:
    """JSON as a value of `type_`; raises Problem with every fault in `errors`."""
    try:
        value: T = _decoder(cast(Hashable, type_)).decode(raw)
    except msgspec.ValidationError as error:
        raise _refusal(raw, type_, str(error)) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _no_json(error) from error
    return value


def _no_json(error: Exception) -> Problem:
    detail = str(error).removeprefix("JSON is malformed: ")
    if isinstance(error, RecursionError):
        detail = "it is nested too deeply"
    return Problem("invalid_body", f"the body is not JSON: {detail}")


def _refusal(raw: bytes, type_: Any, message: str) -> Problem:
    errors: list[Fault] = []
    try:
        value = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return _no_json(error)
    for fault in _faults(value, type_, ""):
        errors.append(fault)
        if len(errors) == _MOST_FAULTS:
            break
    if not errors:  # the walk below knows fewer rules than the decoder: never answer nothing
        errors = [{"pointer": "", "code": "invalid_body", "detail": _plain(message)}]
    unknown = all(error["code"] == "unknown_field" for error in errors)
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    where = errors[0]["pointer"]
    told = errors[0]["detail"] if unknown or not where else f"`{where}`: {errors[0]['detail']}"
    return Problem("unknown_field" if unknown else "invalid_body", told + more, errors=errors)


def _faults(value: Any, type_: Any, at: str) -> Iterator[Fault]:
    while get_origin(type_) is Annotated:
        type_, bare = get_args(type_)[0], type_
        if not _is_walked(type_):
            type_ = bare
            break
    chosen = _branch(value, type_)
    if isinstance(chosen, type) and issubclass(chosen, msgspec.Struct) and isinstance(value, dict):
        yield from _members(value, chosen, at)
    elif get_origin(chosen) in (list, tuple) and isinstance(value, list):
        for index, item in enumerate(value):
            yield from _faults(item, get_args(chosen)[0], f"{at}/{index}")
        yield from _leaf(value, chosen, at, deep=False)
    else:
        yield from _leaf(value, type_, at, deep=True)


def _is_walked(type_: Any) -> bool:
    return get_origin(type_) in (list, tuple, Union, types.UnionType) or (
        isinstance(type_, type) and issubclass(type_, msgspec.Struct)
    )


def _branch(value: Any, type_: Any) -> Any:
    """Of a union, the member that a value was meant for."""
    if get_origin(type_) not in (Union, types.UnionType):
        return type_
    for member in get_args(type_):
        if isinstance(value, dict) and isinstance(member, type):
            if issubclass(member, msgspec.Struct):
                return member
        elif isinstance(value, list) and get_origin(member) in (list, tuple):
            return member
    return type_


def _members(value: dict[str, Any], type_: type[msgspec.Struct], at: str) -> Iterator[Fault]:
    fields = {field.encode_name: field for field in msgspec.structs.fields(type_)}
    for name, member in value.items():
        pointer = f"{at}/{name.replace('~', '~0').replace('/', '~1')}"
        if name in fields:
            yield from _faults(member, fields[name].type, pointer)
        elif name != type_.__struct_config__.tag_field and (
            type_.__struct_config__.forbid_unknown_fields
        ):
            hint = did_you_mean(name, fields) or f"known are {some_of(fields, most=12)}"
            detail = f"there is no member `{name[:60]}` here; {hint}"
            yield {"pointer": pointer, "code": "unknown_field", "detail": detail}
    for name, field in fields.items():
        if field.required and name not in value:
            detail = f"`{name}` is needed"
            yield {"pointer": f"{at}/{name}", "code": "invalid_body", "detail": detail}


def _leaf(value: Any, type_: Any, at: str, *, deep: bool) -> Iterator[Fault]:
    try:
        msgspec.convert(value, type_, strict=True)
    except msgspec.ValidationError as error:
        if deep or " - at `" not in str(error):  # what is deeper has been told already
            yield {"pointer": at, "code": "invalid_body", "detail": _plain(str(error))}


def _plain(message: str) -> str:
    """The decoder's sentence in our words."""
    message = message.partition(" - at `")[0]
    if message.startswith("Invalid enum value"):
        return f"{message.removeprefix('Invalid enum value ')} is not one of the values that fit"
    message = _TYPE.sub(lambda found: _in_words(found[1]), message)
    for name, word in (
        ("Expected", "this must be"),
        ("got", "and it is"),
        ("of length >=", "of at least this length:"),
        ("of length <=", "of at most this length:"),
    ):
        message = message.replace(name, word)
    return message[:1].lower() + message[1:]


def _in_words(types_: str) -> str:
    return " or ".join(_WORDS.get(name, f"`{name}`") for name in types_.split(" | "))


def expected_revision(request: Request[Any, Any, Any]) -> int | None:
    """The revision that `If-Match` names; None for any; raises Problem `stale_version`."""
    wanted = request.headers.get("if-match", "*").strip().removeprefix("W/").strip('"')
    if wanted == "*":
        return None
    if not wanted.isdecimal() or len(wanted) > _LONGEST_REVISION:
        raise Problem("stale_version", "`If-Match` is the `ETag` of the version that you read")
    return int(wanted)


def wants_text(request: Request[Any, Any, Any]) -> bool:
    """Whether a person reads the answer: `Accept: text/plain` without JSON."""
    accept = request.headers.get("accept", "")
    return "text/plain" in accept and "json" not in accept


def plain(text: str, *, status: int = 200) -> Response[str]:
    """An answer for a person."""
    return Response(text, status_code=status, media_type="text/plain")
