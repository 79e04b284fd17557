# SPDX-License-Identifier: FSL-1.1-MIT
"""The table of all operations: each surface is made from it, and none has one of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from conexus.daemon import schema
from conexus.daemon.handlers import Handlers
from conexus.types import Permission, Role
from conexus.values import dataclass


@dataclass(frozen=True, slots=True)
class Operation:
    """Something the daemon can be asked."""

    name: str
    """As in the logs and metrics, and the name of the method of :class:`~conexus.daemon.handlers.Handlers`."""
    request: type[schema.Message]
    response: type[schema.Message]
    role: Role
    """The least that may ask."""
    http: tuple[str, str]
    """Method and path. Fields of the request that stand in the path are taken from it, those of a GET from the
    query, all others from the body."""
    grpc: tuple[str, str]
    """Service and method of ``conexus.v1``."""
    summary: str
    permission: Permission | None = None
    """The same for roles of one's own; that of the role where it is not said."""
    quick: bool = True
    """Whether it is limited to the usual time; else to the long one."""

    @property
    def needs(self) -> Permission:
        """The permission that a caller has to have."""
        return self.permission or _OF_ROLE[self.role]

    def handler(self, handlers: Handlers) -> Callable[[Any, Any], Any]:
        """Return the function that does it."""
        found: Callable[[Any, Any], Any] = getattr(handlers, self.name)
        return found


_OF_ROLE = {Role.READER: Permission.READ, Role.WRITER: Permission.INDEX, Role.ADMIN: Permission.DAEMON}
_R, _W, _A = Role.READER, Role.WRITER, Role.ADMIN
_P = Permission
_S = schema

OPERATIONS: tuple[Operation, ...] = (
    Operation(
        "search",
        _S.SearchRequest,
        _S.SearchResponse,
        _R,
        ("POST", "/v1/search"),
        ("SearchService", "Search"),
        "Search code by meaning and by name",
    ),
    Operation(
        "batch_search",
        _S.BatchSearchRequest,
        _S.BatchSearchResponse,
        _R,
        ("POST", "/v1/search/batch"),
        ("SearchService", "BatchSearch"),
        "Search for many things at once, as many as the edition allows",
        quick=False,
    ),
    Operation(
        "context",
        _S.ContextRequest,
        _S.ContextResponse,
        _R,
        ("POST", "/v1/context"),
        ("SearchService", "Context"),
        "Pack the best code for a question into a token budget",
    ),
    Operation(
        "similar",
        _S.SimilarRequest,
        _S.SearchResponse,
        _R,
        ("POST", "/v1/similar"),
        ("SearchService", "Similar"),
        "Find code like that at a place",
    ),
    Operation(
        "symbols",
        _S.SymbolsRequest,
        _S.SymbolsResponse,
        _R,
        ("POST", "/v1/symbols"),
        ("SearchService", "Symbols"),
        "Find where a name is defined and used",
    ),
    Operation(
        "related",
        _S.RelatedRequest,
        _S.RelatedResponse,
        _R,
        ("POST", "/v1/related"),
        ("SearchService", "Related"),
        "Find the files that use a file or are used by it",
    ),
    Operation(
        "file",
        _S.FileRequest,
        _S.FileResponse,
        _R,
        ("POST", "/v1/file"),
        ("SearchService", "File"),
        "Read lines of an indexed file, secrets redacted",
    ),
    Operation(
        "map",
        _S.MapRequest,
        _S.MapResponse,
        _R,
        ("POST", "/v1/map"),
        ("SearchService", "Map"),
        "Get an overview of a repository",
    ),
    Operation(
        "graph",
        _S.GraphRequest,
        _S.GraphResponse,
        _R,
        ("POST", "/v1/graph"),
        ("SearchService", "Graph"),
        "Find what imports what within a repository",
    ),
    *(
        Operation(
            f"graph_{name}",
            request,
            response,
            _R,
            ("POST", f"/v1/graph/{name}"),
            ("GraphService", name.capitalize()),
            summary,
            quick=False,  # the first question reads all of the graph
        )
        for name, request, response, summary in (
            (
                "repos",
                _S.GraphReposRequest,
                _S.DependencyGraph,
                "Show which repository provides and requires which package, and which imports and calls which",
            ),
            (
                "impact",
                _S.GraphImpactRequest,
                _S.ImpactAnswer,
                "Find what a change may break, with the path that shows it",
            ),
            (
                "path",
                _S.GraphPathRequest,
                _S.PathAnswer,
                "Find how one thing depends on another by the fewest steps",
            ),
            (
                "drift",
                _S.GraphDriftRequest,
                _S.DriftAnswer,
                "Find packages of which repositories ask for different versions",
            ),
            ("owners", _S.GraphImpactRequest, _S.OwnersAnswer, "Find the owners of what a change may break"),
            (
                "orphans",
                _S.GraphListRequest,
                _S.OrphansAnswer,
                "Find what nobody uses, and what is called and nobody serves",
            ),
            ("cycles", _S.GraphListRequest, _S.CyclesAnswer, "Find repositories that depend on each other"),
        )
    ),
    Operation(
        "repositories",
        _S.Empty,
        _S.RepositoriesResponse,
        _R,
        ("GET", "/v1/repositories"),
        ("RepositoryService", "ListRepositories"),
        "List indexed repositories",
    ),
    Operation(
        "repository",
        _S.RepositoryRequest,
        _S.RepositoriesResponse,
        _R,
        ("GET", "/v1/repositories/{repository:path}"),
        ("RepositoryService", "GetRepository"),
        "Show the working trees of one repository",
    ),
    Operation(
        "rename",
        _S.RenameRequest,
        _S.RepositoriesResponse,
        _W,
        ("PATCH", "/v1/repositories/{repository:path}"),
        ("RepositoryService", "RenameRepository"),
        "Give a repository another short name",
        permission=_P.INDEX,
    ),
    Operation(
        "remove",
        _S.RepositoryRequest,
        _S.RemoveResponse,
        _W,
        ("DELETE", "/v1/repositories/{repository:path}"),
        ("RepositoryService", "RemoveRepository"),
        "Delete the indexes of a repository",
        permission=_P.REMOVE,
        quick=False,
    ),
    Operation(
        "why",
        _S.WhyRequest,
        _S.WhyResponse,
        _R,
        ("POST", "/v1/why"),
        ("RepositoryService", "Why"),
        "Say whether a path is indexed, and which rule decides",
    ),
    Operation(
        "verify",
        _S.VerifyRequest,
        _S.VerifyResponse,
        _W,
        ("POST", "/v1/verify"),
        ("RepositoryService", "Verify"),
        "Check what is stored",
        permission=_P.INDEX,
        quick=False,
    ),
    Operation(
        "roll_back",
        _S.RepositoryRequest,
        _S.RepositoriesResponse,
        _W,
        ("POST", "/v1/rollback"),
        ("RepositoryService", "RollBack"),
        "Go back to the generation of an index before the present one",
    ),
    Operation(
        "collect",
        _S.GcRequest,
        _S.GcResponse,
        _A,
        ("POST", "/v1/gc"),
        ("RepositoryService", "CollectGarbage"),
        "Remove what is not needed any more",
        quick=False,
    ),
    Operation(
        "index",
        _S.IndexRequest,
        _S.Job,
        _W,
        ("POST", "/v1/index"),
        ("IndexService", "StartIndex"),
        "Index a repository, or bring its index up to date",
        permission=_P.INDEX,
    ),
    Operation(
        "estimate",
        _S.IndexRequest,
        _S.EstimateResponse,
        _W,
        ("POST", "/v1/index/estimate"),
        ("IndexService", "EstimateIndex"),
        "Say what indexing would do",
        permission=_P.INDEX,
        quick=False,
    ),
    Operation(
        "jobs",
        _S.JobsRequest,
        _S.JobsResponse,
        _R,
        ("GET", "/v1/jobs"),
        ("IndexService", "ListJobs"),
        "List index jobs, newest first",
    ),
    Operation(
        "job", _S.JobRequest, _S.Job, _R, ("GET", "/v1/jobs/{id}"), ("IndexService", "GetJob"), "Show one index job"
    ),
    Operation(
        "cancel",
        _S.JobRequest,
        _S.Job,
        _W,
        ("POST", "/v1/jobs/{id}/cancel"),
        ("IndexService", "CancelJob"),
        "Stop an index job; what it has done is kept",
        permission=_P.INDEX,
    ),
    Operation(
        "status",
        _S.Empty,
        _S.StatusResponse,
        _R,
        ("GET", "/v1/status"),
        ("DaemonService", "Status"),
        "Show the daemon and what it serves",
    ),
    Operation(
        "reload",
        _S.Empty,
        _S.Empty,
        _A,
        ("POST", "/v1/reload"),
        ("DaemonService", "Reload"),
        "Read the settings again",
        permission=_P.DAEMON,
    ),
    Operation(
        "stop",
        _S.Empty,
        _S.Empty,
        _A,
        ("POST", "/v1/stop"),
        ("DaemonService", "Stop"),
        "End the daemon",
        permission=_P.DAEMON,
    ),
    Operation(
        "create_key",
        _S.KeyRequest,
        _S.CreatedKey,
        _A,
        ("POST", "/v1/keys"),
        ("AdminService", "CreateKey"),
        "Make an API key",
        permission=_P.KEYS,
    ),
    Operation(
        "keys",
        _S.Empty,
        _S.KeysResponse,
        _A,
        ("GET", "/v1/keys"),
        ("AdminService", "ListKeys"),
        "List API keys",
        permission=_P.KEYS,
    ),
    Operation(
        "revoke_key",
        _S.KeyId,
        _S.Key,
        _A,
        ("DELETE", "/v1/keys/{id}"),
        ("AdminService", "RevokeKey"),
        "Make an API key invalid at once",
        permission=_P.KEYS,
    ),
    Operation(
        "log",
        _S.LogRequest,
        _S.LogResponse,
        _A,
        ("GET", "/v1/log"),
        ("AdminService", "QueryLog"),
        "Look into the query log",
        permission=_P.LOG,
    ),
    Operation(
        "stats",
        _S.StatsRequest,
        _S.StatsResponse,
        _A,
        ("GET", "/v1/stats"),
        ("AdminService", "Stats"),
        "Show figures of the query log",
        permission=_P.LOG,
    ),
    Operation(
        "add_webhook",
        _S.WebhookRequest,
        _S.Webhook,
        _A,
        ("POST", "/v1/webhooks"),
        ("AdminService", "AddWebhook"),
        "Have an address told of finished and failed index jobs",
        permission=_P.WEBHOOKS,
    ),
    Operation(
        "webhooks",
        _S.Empty,
        _S.WebhooksResponse,
        _A,
        ("GET", "/v1/webhooks"),
        ("AdminService", "ListWebhooks"),
        "List webhooks",
        permission=_P.WEBHOOKS,
    ),
    Operation(
        "remove_webhook",
        _S.WebhookId,
        _S.Empty,
        _A,
        ("DELETE", "/v1/webhooks/{id}"),
        ("AdminService", "RemoveWebhook"),
        "Remove a webhook",
        permission=_P.WEBHOOKS,
    ),
    Operation(
        "features",
        _S.Empty,
        _S.FeaturesResponse,
        _R,
        ("GET", "/v1/features"),
        ("DirectoryService", "Features"),
        "Show what the edition has and has not",
    ),
    Operation(
        "directory",
        _S.Empty,
        _S.DirectoryResponse,
        _A,
        ("GET", "/v1/directory"),
        ("DirectoryService", "GetDirectory"),
        "Show all users, groups, teams, projects and roles",
        permission=_P.DIRECTORY,
    ),
    *(
        Operation(
            f"put_{name}",
            message,
            message,
            _A,
            ("PUT", f"/v1/directory/{name}s/{{name}}"),
            ("DirectoryService", f"Put{name.capitalize()}"),
            f"Add a {name}, or replace the one of that name",
            permission=_P.DIRECTORY,
        )
        for name, message in (
            ("user", _S.User),
            ("group", _S.Group),
            ("team", _S.Team),
            ("project", _S.Project),
            ("role", _S.CustomRole),
        )
    ),
    Operation(
        "remove_entry",
        _S.DirectoryName,
        _S.Empty,
        _A,
        ("DELETE", "/v1/directory/{kind}s/{name}"),
        ("DirectoryService", "RemoveEntry"),
        "Remove a user, group, team, project or role",
        permission=_P.DIRECTORY,
    ),
    Operation(
        "changes",
        _S.ChangesRequest,
        _S.ChangesResponse,
        _A,
        ("GET", "/v1/changes"),
        ("DirectoryService", "ListChanges"),
        "List changes, newest first",
        permission=_P.DIRECTORY,
    ),
    *(
        Operation(
            name,
            request,
            response,
            _A,
            http,
            ("PolicyService", method),
            summary,
            permission=_P.DIRECTORY,
            quick=name != "put_policies",  # a dry run looks at all files for all users
        )
        for name, request, response, http, method, summary in (
            (
                "policies",
                _S.PoliciesRequest,
                _S.PolicyVersion,
                ("GET", "/v1/policies"),
                "GetPolicies",
                "Show the access policies in force, or an earlier version",
            ),
            (
                "put_policies",
                _S.PutPoliciesRequest,
                _S.PolicyReport,
                ("PUT", "/v1/policies"),
                "PutPolicies",
                "Put access policies in force in the place of all others, or say what that would change",
            ),
            (
                "policy_history",
                _S.PolicyHistoryRequest,
                _S.PolicyHistoryResponse,
                ("GET", "/v1/policies/history"),
                "ListPolicyVersions",
                "List versions of the access policies, newest first",
            ),
            (
                "test_policies",
                _S.TestPoliciesRequest,
                _S.TestPoliciesResponse,
                ("POST", "/v1/policies/test"),
                "TestPolicies",
                "Run the tests of access policies",
            ),
            (
                "explain_access",
                _S.ExplainAccessRequest,
                _S.ExplainAccessResponse,
                ("POST", "/v1/policies/explain"),
                "ExplainAccess",
                "Say whether a user may do something with a file, and why",
            ),
        )
    ),
    Operation(
        "audit",
        _S.AuditRequest,
        _S.AuditResponse,
        _A,
        ("GET", "/v1/audit"),
        ("AuditService", "SearchAudit"),
        "List the newest records of the audit log that fit",
        permission=_P.LOG,
        quick=False,
    ),
    Operation(
        "verify_audit",
        _S.VerifyAuditRequest,
        _S.AuditVerdict,
        _A,
        ("POST", "/v1/audit/verify"),
        ("AuditService", "VerifyAudit"),
        "Check that no record of the audit log was changed",
        permission=_P.LOG,
        quick=False,
    ),
)

BY_NAME = {operation.name: operation for operation in OPERATIONS}
