# SPDX-License-Identifier: LicenseRef-Conexus-Commercial
"""Policies to start from."""

from __future__ import annotations

from typing import Final

TEMPLATES: Final = {
    "everybody": """// Everybody may see what the directory grants them. Other rules take away from it.
permit(principal, action, resource);
""",
    "team-owns-folder": """// A team sees the folder it owns, in one repository, and may index it.
permit(principal in Team::"payments", action, resource is File)
when { resource.repository == "github.com/acme/shop" && resource.path like "services/payments/*" };
permit(principal in Team::"payments", action == Action::"index", resource == Repository::"github.com/acme/shop");
""",
    "owners": """// Who CODEOWNERS names owns the files; others see those that nobody owns.
permit(principal in Team::"web", action, resource is File)
when { resource.owners.contains("@acme/web") || resource.owners.isEmpty() };
""",
    "contractor": """// Contractors search and read documentation and what is labelled open, from the office network.
permit(principal in Group::"contractors", action in [Action::"search", Action::"read"], resource is File)
when { resource.path like "docs/*" || resource.labels.contains("open") }
unless { !context.address.isInRange(ip("10.0.0.0/8")) };
""",
    "on-call": """// Who is on call sees operations outside of working hours too; others then see nothing of it.
forbid(principal, action, resource is File)
when { resource.path like "ops/*" && (context.hour < 8 || context.hour >= 18 || context.weekday > 5) }
unless { principal in Group::"on-call" };
""",
    "agents-without-secrets": """// AI agents see nothing that is confidential, whoever they act for.
forbid(principal, action, resource is File)
when { context.agent && (resource.labels.contains("confidential") || resource.path like "*secrets*") };
""",
    "confidential": """// What is labelled confidential is for the group core alone.
forbid(principal, action, resource is File)
when { resource.labels.contains("confidential") }
unless { principal in Group::"core" };
""",
    "confidential-with-mfa": """// What is labelled confidential takes a second factor and a managed device.
forbid(principal, action, resource is File)
when { resource.labels.contains("confidential") }
unless { context has mfa && context.mfa && context has device.managed && context.device.managed };
""",
}

__all__ = ["TEMPLATES"]
