"""The sandbox under test, asked as a stranger would: over HTTP, with nothing of ours in between."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2

from reconciler.cli.world import token_counter
from reconciler.sandbox import embedded


class Endpoint:
    """A running sandbox: what is there, its clock, and its faults."""

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url
        headers = {"Authorization": "Bearer sk-onlooker"}
        self._client = httpx2.Client(headers=headers, trust_env=False, timeout=60)

    def close(self) -> None:
        self._client.close()

    def jobs(self) -> list[dict[str, Any]]:
        """Every job that was ever created and was not deleted."""
        return self._data("/fine_tuning/jobs?limit=100")

    def files(self) -> list[dict[str, Any]]:
        """Every training and validation file."""
        return self._data("/files?purpose=fine-tune&limit=1000")

    def models(self) -> list[str]:
        """The fine-tuned models that answer, without their checkpoints."""
        names = [model["id"] for model in self._data("/models")]
        return sorted(name for name in names if name.startswith("ft:") and ":ckpt-" not in name)

    def train_on(self, file_id: str) -> None:
        """Somebody else's job on an uploaded file."""
        body = {"model": "gpt-4o-mini-2024-07-18", "training_file": file_id}
        address = f"{self.base_url}/fine_tuning/jobs"
        self._client.post(address, json=body).raise_for_status()

    def creates(self) -> int:
        """How many creates were carried out."""
        return self.calls().get("create_job", {}).get("carried_out", 0)

    def calls(self) -> dict[str, dict[str, int]]:
        """How many calls of each operation came, and how many were carried out."""
        calls: dict[str, dict[str, int]] = self._control("GET", "calls")["calls"]
        return calls

    def advance(self, seconds: float) -> None:
        self._control("POST", "clock", {"advance": seconds})

    def break_down(self, plan: dict[str, Any]) -> None:
        """Let calls go wrong from now on as a fault plan says."""
        self._control("POST", "faults", plan)

    def recover(self) -> int:
        """Let every call go well from now on; how many faults struck until then."""
        struck: int = sum(strike["times"] for strike in self._control("GET", "faults")["struck"])
        self._control("DELETE", "faults")
        return struck

    def _data(self, path: str) -> list[dict[str, Any]]:
        page = self._client.get(self.base_url + path).raise_for_status().json()
        assert not page.get("has_more")
        rows: list[dict[str, Any]] = page["data"]
        return rows

    def _control(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        address = f"{self.base_url.removesuffix('/v1')}/_sandbox/{path}"
        answer = self._client.request(method, address, json=body).raise_for_status()
        told: dict[str, Any] = answer.json()
        return told


@contextmanager
def fresh_endpoint(folder: Path) -> Iterator[Endpoint]:
    """A sandbox with nothing in it, until the block ends; its clock goes as ours does."""
    with embedded(folder, 1.0, token_counter()) as sandbox:
        endpoint = Endpoint(sandbox.base_url)
        try:
            yield endpoint
        finally:
            endpoint.close()
