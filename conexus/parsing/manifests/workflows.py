# SPDX-License-Identifier: FSL-1.1-MIT
"""Actions and reusable workflows that GitHub workflows use."""

from __future__ import annotations

import re

from conexus.parsing.manifests.containers import require_image
from conexus.parsing.manifests.documents import Yaml, read_yaml
from conexus.parsing.manifests.findings import Findings
from conexus.types import DependencyScope, Ecosystem

_USED = re.compile(r"([\w.-]+/[\w.-]+)(?:/[^@\s]*)?@(\S+)$")
_BUILD = DependencyScope.BUILD


def read_workflow(_path: str, text: str, findings: Findings) -> None:
    """Read a workflow: what its steps and jobs use, by repository, and the images they run in."""
    jobs = read_yaml(text).get("jobs")
    if jobs is None or not jobs.expect("mapping", "jobs", findings.note):
        return
    for name, job, _ in jobs.items():
        job.expect("mapping", f"jobs.{name}", findings.note)
        _read_uses(job, findings)
        _read_steps(job, findings)
        container = job.get("container")
        if container is not None:
            _read_image(container.get("image") or container, findings)
        for _, service, _ in job.at("services"):
            image = service.get("image")
            if image is not None:
                _read_image(image, findings)


def read_action(_path: str, text: str, findings: Findings) -> None:
    """Read ``action.yml``: what the steps of an action use."""
    runs = read_yaml(text).get("runs")
    if runs is not None:
        _read_steps(runs, findings)
        image = runs.get("image")
        if image is not None and image.text.startswith("docker://"):
            _read_image(image, findings)


def _read_steps(job: Yaml, findings: Findings) -> None:
    steps = job.get("steps")
    if steps is None or not steps.expect("sequence", "steps", findings.note):
        return
    for step in steps.elements():
        step.expect("mapping", "a step", findings.note)
        _read_uses(step, findings)


def _read_uses(place: Yaml, findings: Findings) -> None:
    uses = place.get("uses")
    if uses is None or not uses.expect("scalar", "uses", findings.note) or not uses.text or uses.text.startswith("./"):
        return
    if uses.text.startswith("docker://"):
        _read_image(uses, findings)
    elif found := _USED.match(uses.text.strip()):
        findings.require(Ecosystem.GITHUB_ACTIONS, found[1], found[2], _BUILD, uses.line)
    else:
        findings.note(f"line {uses.line} uses no action of a repository: {uses.text}")


def _read_image(image: Yaml, findings: Findings) -> None:
    if image.text and "${{" not in image.text:
        require_image(findings, image.text.removeprefix("docker://"), image.line, _BUILD)


__all__ = ["read_action", "read_workflow"]
