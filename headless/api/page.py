"""Plain pages for people: one look, no scripts, nothing from another host.

Pure but for the response class. Whoever calls escapes what came from outside.
"""

from html import escape
from typing import Final

from litestar import MediaType, Response

_STYLE: Final = """
:root { color-scheme: light dark; --line: #8884; --soft: #8881; --link: #0a66c2 }
@media (prefers-color-scheme: dark) { :root { --link: #7ab8ff } }
body { font: 16px/1.55 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.5rem } h2 { font-size: 1.15rem; margin-top: 2rem }
a { color: var(--link) } code { font-size: .92em } small { opacity: .7 }
table { border-collapse: collapse; width: 100% } tr:hover td { background: var(--soft) }
td, th { text-align: left; padding: .5rem .75rem .5rem 0; vertical-align: top;
  border-bottom: 1px solid var(--line) }
.row { border-bottom: 1px solid var(--line); padding: .6rem 0 } .row p { margin: .2rem 0 0 }
iframe { width: 100%; height: 28rem; background: #fff }
iframe, pre { border: 1px solid var(--line); border-radius: 6px }
pre { white-space: pre-wrap; background: var(--soft); padding: 1rem; overflow-x: auto }
button { font: inherit; padding: .45rem 1rem; border-radius: 6px; border: 1px solid var(--line);
  background: var(--link); color: #fff; cursor: pointer } form { display: inline }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1rem } dt { opacity: .7 }
dd { margin: 0; overflow-wrap: anywhere }
"""
POLICY: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; frame-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


def page(title: str, body: str, *, status: int = 200, refresh: int | None = None) -> Response[str]:
    """A page with a title (plain text) and a body (HTML); `refresh` reloads it, in seconds."""
    again = f'<meta http-equiv="refresh" content="{refresh}">' if refresh else ""
    html = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"{again}<title>{escape(title)}</title><style>{_STYLE}</style></head>"
        f"<body><h1>{escape(title)}</h1>{body}</body></html>"
    )
    headers = {
        "Content-Security-Policy": POLICY,
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "X-Robots-Tag": "noindex",
    }
    return Response(html, status_code=status, media_type=MediaType.HTML, headers=headers)


def shown(html: str) -> Response[str]:
    """Somebody's own html to look at: it may load pictures and run nothing."""
    headers = {
        "Content-Security-Policy": "default-src 'none'; img-src * data:; style-src * "
        "'unsafe-inline'; font-src *; sandbox",
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "no-store",
    }
    return Response(html, media_type=MediaType.HTML, headers=headers)
