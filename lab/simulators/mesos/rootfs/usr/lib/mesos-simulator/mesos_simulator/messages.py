# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""JSON to messages, as calls of schedulers and executors need it (mesos 1.11.0 stout/protobuf.hpp: protobuf::parse).

Messages are declared as in include/mesos/v1/{mesos,scheduler/scheduler,executor/executor}.proto, in the order of declaration,
in which answers show them too. "name:kind"; "!" behind a kind says required, "*" repeated. Fields that nothing here reads have
the kind "any" and pass through; fields that are not declared are dropped.
"""

from __future__ import annotations

from typing import Any, NamedTuple


class Unconvertible(Exception):
    """The reason in the product's words."""


class _Field(NamedTuple):
    kind: str
    required: bool
    repeated: bool


def _enum(source: str, first: int = 0) -> dict[str, int]:
    return {name: number for number, name in enumerate(source.split(), first)}


ENUMS: dict[str, dict[str, int]] = {
    "ValueType": _enum("SCALAR RANGES SET TEXT"),
    "ReservationType": _enum("UNKNOWN STATIC DYNAMIC"),
    "VolumeMode": _enum("RW RO", 1),
    "ExecutorType": _enum("UNKNOWN DEFAULT CUSTOM"),
    "CapabilityType": _enum(
        "UNKNOWN REVOCABLE_RESOURCES TASK_KILLING_STATE GPU_RESOURCES SHARED_RESOURCES PARTITION_AWARE MULTI_ROLE"
        " RESERVATION_REFINEMENT REGION_AWARE"
    ),
    "TaskState": {
        **_enum("TASK_STARTING TASK_RUNNING TASK_FINISHED TASK_FAILED TASK_KILLED TASK_LOST TASK_STAGING TASK_ERROR"),
        **_enum("TASK_KILLING TASK_DROPPED TASK_UNREACHABLE TASK_GONE TASK_GONE_BY_OPERATOR TASK_UNKNOWN", 8),
    },
    "StatusSource": _enum("SOURCE_MASTER SOURCE_AGENT SOURCE_EXECUTOR"),
    "StatusReason": {
        "REASON_COMMAND_EXECUTOR_FAILED": 0,
        "REASON_EXECUTOR_TERMINATED": 1,
        "REASON_EXECUTOR_UNREGISTERED": 2,
        "REASON_FRAMEWORK_REMOVED": 3,
        "REASON_GC_ERROR": 4,
        "REASON_INVALID_FRAMEWORKID": 5,
        "REASON_INVALID_OFFERS": 6,
        "REASON_MASTER_DISCONNECTED": 7,
        "REASON_RECONCILIATION": 9,
        "REASON_AGENT_DISCONNECTED": 10,
        "REASON_AGENT_REMOVED": 11,
        "REASON_AGENT_RESTARTED": 12,
        "REASON_AGENT_UNKNOWN": 13,
        "REASON_TASK_INVALID": 14,
        "REASON_TASK_UNAUTHORIZED": 15,
        "REASON_TASK_UNKNOWN": 16,
        "REASON_CONTAINER_LAUNCH_FAILED": 21,
        "REASON_EXECUTOR_REGISTRATION_TIMEOUT": 23,
        "REASON_EXECUTOR_REREGISTRATION_TIMEOUT": 24,
        "REASON_TASK_KILLED_DURING_LAUNCH": 30,
        "REASON_AGENT_REMOVED_BY_OPERATOR": 31,
    },
    "OperationType": {
        **_enum("UNKNOWN LAUNCH RESERVE UNRESERVE CREATE DESTROY LAUNCH_GROUP"),
        **_enum("GROW_VOLUME SHRINK_VOLUME CREATE_DISK DESTROY_DISK", 11),
    },
    "SchedulerCallType": _enum(
        "UNKNOWN SUBSCRIBE TEARDOWN ACCEPT DECLINE REVIVE KILL SHUTDOWN ACKNOWLEDGE RECONCILE MESSAGE REQUEST SUPPRESS"
        " ACCEPT_INVERSE_OFFERS DECLINE_INVERSE_OFFERS ACKNOWLEDGE_OPERATION_STATUS RECONCILE_OPERATIONS UPDATE_FRAMEWORK"
    ),
    "AgentCallType": _enum(
        "UNKNOWN GET_METRICS SET_LOGGING_LEVEL LIST_FILES READ_FILE LAUNCH_CONTAINER WAIT_CONTAINER KILL_CONTAINER"
        " REMOVE_CONTAINER GET_HEALTH GET_FLAGS GET_VERSION GET_LOGGING_LEVEL GET_STATE GET_CONTAINERS GET_FRAMEWORKS"
        " GET_EXECUTORS GET_OPERATIONS GET_TASKS GET_AGENT GET_RESOURCE_PROVIDERS PRUNE_IMAGES"
    ),
    "MasterCallType": _enum(
        "UNKNOWN GET_METRICS SET_LOGGING_LEVEL LIST_FILES READ_FILE UPDATE_MAINTENANCE_SCHEDULE START_MAINTENANCE"
        " STOP_MAINTENANCE DRAIN_AGENT DEACTIVATE_AGENT REACTIVATE_AGENT MARK_AGENT_GONE TEARDOWN GET_HEALTH GET_FLAGS"
        " GET_VERSION GET_LOGGING_LEVEL GET_STATE GET_AGENTS GET_FRAMEWORKS GET_EXECUTORS GET_OPERATIONS GET_TASKS GET_ROLES"
        " GET_WEIGHTS GET_MASTER GET_MAINTENANCE_STATUS GET_MAINTENANCE_SCHEDULE GET_QUOTA SUBSCRIBE RESERVE_RESOURCES"
        " UNRESERVE_RESOURCES CREATE_VOLUMES DESTROY_VOLUMES GROW_VOLUME SHRINK_VOLUME SET_QUOTA UPDATE_QUOTA REMOVE_QUOTA"
        " UPDATE_WEIGHTS"
    ),
    "ExecutorCallType": _enum("UNKNOWN SUBSCRIBE UPDATE MESSAGE HEARTBEAT"),
}

_DECLARED = {
    # --- the operator's calls ---
    "AgentCall": """
        type:AgentCallType get_metrics:GetMetrics set_logging_level:SetLoggingLevel list_files:Path read_file:ReadFile
        get_containers:GetContainers launch_container:Container wait_container:Container kill_container:KillContainer
        remove_container:Container prune_images:Empty
    """,
    "MasterCall": """
        type:MasterCallType get_metrics:GetMetrics set_logging_level:SetLoggingLevel list_files:Path read_file:ReadFile
        update_maintenance_schedule:Schedule start_maintenance:Empty stop_maintenance:Empty drain_agent:DrainAgent
        deactivate_agent:Agent reactivate_agent:Agent mark_agent_gone:Agent teardown:Teardown
    """,
    "GetMetrics": "timeout:DurationInfo",
    "SetLoggingLevel": "level:double! duration:DurationInfo!",
    "Path": "path:string!",
    "ReadFile": "path:string! offset:double! length:double",
    "GetContainers": "show_nested:bool show_standalone:bool",
    "Container": "container_id:ID!",
    "KillContainer": "container_id:ID! signal:double",
    "Schedule": "schedule:Empty!",
    "DrainAgent": "agent_id:ID! max_grace_period:Seconds mark_gone:bool",
    "Seconds": "seconds:double nanos:double",
    "Agent": "agent_id:ID!",
    "Teardown": "framework_id:ID!",
    "Empty": "",
    # --- the scheduler's calls ---
    "SchedulerCall": """
        framework_id:ID type:SchedulerCallType subscribe:Subscribe accept:Accept decline:Decline
        accept_inverse_offers:any decline_inverse_offers:any revive:Roles kill:Kill shutdown:Shutdown
        acknowledge:Acknowledge reconcile:Reconcile message:SchedulerMessage request:any suppress:Roles
    """,
    "Subscribe": "framework_info:FrameworkInfo! force:bool suppressed_roles:string*",
    "Accept": "offer_ids:ID* operations:Operation* filters:Filters",
    "Decline": "offer_ids:ID* filters:Filters",
    "Roles": "roles:string*",
    "Kill": "task_id:ID! agent_id:ID kill_policy:KillPolicy",
    "Shutdown": "executor_id:ID! agent_id:ID!",
    "Acknowledge": "agent_id:ID! task_id:ID! uuid:bytes!",
    "Reconcile": "tasks:ReconcileTask*",
    "ReconcileTask": "task_id:ID! agent_id:ID",
    "SchedulerMessage": "agent_id:ID! executor_id:ID! data:bytes!",
    "Filters": "refuse_seconds:double",
    "Operation": "type:OperationType id:ID launch:Launch launch_group:any reserve:any unreserve:any create:any destroy:any",
    "Launch": "task_infos:TaskInfo*",
    # --- the executor's calls ---
    "ExecutorCall": """
        executor_id:ID! framework_id:ID! type:ExecutorCallType subscribe:ExecutorSubscribe update:ExecutorUpdate
        message:ExecutorMessage
    """,
    "ExecutorSubscribe": "unacknowledged_tasks:TaskInfo* unacknowledged_updates:ExecutorUpdate*",
    "ExecutorUpdate": "status:TaskStatus! timestamp:any",
    "ExecutorMessage": "data:bytes!",
    # --- what both speak of ---
    "ID": "value:string!",
    "FrameworkInfo": """
        user:string! name:string! id:ID failover_timeout:double checkpoint:bool hostname:string principal:string
        webui_url:string capabilities:Capability* labels:any roles:string* role:string offer_filters:any
    """,
    "Capability": "type:CapabilityType",
    "ExecutorInfo": """
        type:ExecutorType executor_id:ID! framework_id:ID command:CommandInfo container:any resources:Resource*
        name:string source:string data:bytes discovery:any shutdown_grace_period:DurationInfo labels:any
    """,
    "CommandInfo": "uris:URI* environment:Environment shell:bool value:string arguments:string* user:string",
    "URI": "value:string! executable:bool extract:bool cache:bool output_file:string",
    "Environment": "variables:Variable*",
    "Variable": "name:string! type:any value:string secret:any",
    "TaskInfo": """
        name:string! task_id:ID! agent_id:ID! resources:Resource* executor:ExecutorInfo command:CommandInfo container:any
        health_check:any check:any kill_policy:KillPolicy data:bytes labels:any discovery:any max_completion_time:any
        limits:any
    """,
    "KillPolicy": "grace_period:DurationInfo",
    "DurationInfo": "nanoseconds:int!",
    "TaskStatus": """
        task_id:ID! state:TaskState! message:string source:StatusSource reason:StatusReason data:bytes agent_id:ID
        executor_id:ID timestamp:double uuid:bytes healthy:bool check_status:any labels:any container_status:any
    """,
    "Resource": """
        provider_id:any name:string! type:ValueType! scalar:Scalar ranges:Ranges set:Set role:string
        allocation_info:AllocationInfo reservation:Reservation reservations:Reservation* disk:Disk revocable:any shared:any
    """,
    "Scalar": "value:double!",
    "Ranges": "range:Range*",
    "Range": "begin:int! end:int!",
    "Set": "item:string*",
    "AllocationInfo": "role:string",
    "Reservation": "type:ReservationType role:string principal:string labels:any",
    "Disk": "persistence:Persistence volume:Volume source:any",
    "Persistence": "id:string! principal:string",
    "Volume": "mode:VolumeMode! container_path:string! host_path:string",
}


def _field(declared: str) -> tuple[str, _Field]:
    name, _, kind = declared.partition(":")
    return name, _Field(kind.rstrip("!*"), kind.endswith("!"), kind.endswith("*"))


MESSAGES = {name: dict(map(_field, source.split())) for name, source in _DECLARED.items()}

# The product refuses numbers for enums everywhere (recorded: "type":7 in a call to /api/v1). Here schedulers and executors may
# send them: the simulated ScaleIO scheduler speaks JSON where the real one speaks protocol buffers, numbers and all.
_ONLY_NAMES = ("AgentCallType", "MasterCallType")

_JSON_KINDS = {"string": "string", "bytes": "string", "double": "number", "int": "number", "bool": "boolean"}


def convert(message: str, value: Any) -> dict[str, Any]:
    """A message with its declared fields only; Unconvertible says what is wrong or missing."""
    if not isinstance(value, dict):
        raise Unconvertible("Expecting a JSON object")
    converted = _message(message, value)
    missing = _missing(message, converted, "")
    if missing:
        raise Unconvertible(f"Missing required fields: {', '.join(missing)}")
    return converted


def _message(message: str, value: dict[str, Any]) -> dict[str, Any]:
    converted: dict[str, Any] = {}
    for name, field in MESSAGES[message].items():
        item = value.get(name)
        if item is None:
            continue
        if not field.repeated:
            found = _one(name, field.kind, item)
        elif isinstance(item, list):
            found = [one for one in (_one(name, field.kind, entry) for entry in item) if one is not None]
        else:
            raise Unconvertible(f"Not expecting a JSON {json_kind(item)} for field '{name}'")
        if found is not None and found != []:
            converted[name] = found
    return converted


def _one(name: str, kind: str, item: Any) -> Any:
    """None for an enum's value that is not known: it is as good as absent."""
    if kind == "any":
        return item
    if kind in ENUMS and isinstance(item, str):
        return item if item in ENUMS[kind] else None
    if kind in ENUMS and isinstance(item, float) and kind not in _ONLY_NAMES:
        return {number: word for word, number in ENUMS[kind].items()}.get(int(item))
    if json_kind(item) != ("object" if kind in MESSAGES else _JSON_KINDS.get(kind)):
        raise Unconvertible(f"Not expecting a JSON {json_kind(item)} for field '{name}'")
    if kind in MESSAGES:
        return _message(kind, item)
    return int(item) if kind == "int" else item


def json_kind(value: Any) -> str:
    """What the product calls a JSON value in its messages."""
    for python, name in ((bool, "boolean"), (str, "string"), (float, "number"), (list, "array")):
        if isinstance(value, python):
            return name
    return "object"


def _missing(message: str, value: dict[str, Any], path: str) -> list[str]:
    found = []
    for name, field in MESSAGES[message].items():
        if name not in value:
            if field.required:
                found.append(f"{path}{name}")
        elif field.kind in MESSAGES:
            for item in value[name] if field.repeated else [value[name]]:
                found += _missing(field.kind, item, f"{path}{name}.")
    return found


def ordered(message: str, value: dict[str, Any]) -> dict[str, Any]:
    """A message with its fields in the order of declaration."""
    return {name: value[name] for name in MESSAGES[message] if name in value}


# --- what is read of messages in more than one place ---

TERMINAL = frozenset(
    f"TASK_{name}" for name in "FINISHED FAILED KILLED ERROR LOST DROPPED GONE GONE_BY_OPERATOR".split()
)


def capable(info: dict[str, Any], capability: str) -> bool:
    """Whether a FrameworkInfo has a capability."""
    return any(entry.get("type") == capability for entry in info.get("capabilities", []))


def roles_of(info: dict[str, Any]) -> list[str]:
    """The roles of a FrameworkInfo, in the old field or in the new one (src/common/protobuf_utils.cpp: getRoles)."""
    if capable(info, "MULTI_ROLE"):
        return list(info.get("roles", []))
    return [info.get("role", "*")]


def allocated(resources: list[dict[str, Any]], role: str) -> list[dict[str, Any]]:
    """Resources with the role that they are given to (include/mesos/resources.hpp: allocate)."""
    return [{**item, "allocation_info": {"role": role}} for item in resources]
