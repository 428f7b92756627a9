# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The master's flags with their defaults (mesos 1.11.0 docs/configuration/master.md; defaults: recorded GET /flags)."""

from __future__ import annotations

from mesos_simulator import flags

TABLE = flags.declare(
    {
        "string": """
            acls advertise_ip advertise_port agent_removal_rate_limit cluster domain external_log_file
            fair_sharing_excluded_resource_names firewall_rules hooks hostname http_framework_authenticators ip
            ip_discovery_command log_dir master_contender master_detector modules modules_dir rate_limits roles weights
            whitelist work_dir zk
            allocator=hierarchical authenticators=crammd5 authorizers=local framework_sorter=drf http_authenticators=basic
            logging_level=INFO min_allocatable_resources=cpus:0.01|mem:32 recovery_agent_removal_limit=100%
            registry=replicated_log role_sorter=drf webui_dir=/usr/share/mesos/webui
        """,
        "path": "credentials",
        "boolean": """
            authenticate_agents=false authenticate_frameworks=false authenticate_http_frameworks=false
            authenticate_http_readonly=false authenticate_http_readwrite=false filter_gpu_resources=true help=false
            hostname_lookup=true initialize_driver_logging=true log_auto_initialize=true memory_profiling=false
            publish_per_framework_metrics=true quiet=false registry_strict=false require_agent_domain=false
            root_submissions=true version=false
        """,
        "integer": """
            logbufsecs=0 max_agent_ping_timeouts=5 max_completed_frameworks=50 max_completed_tasks_per_framework=1000
            max_operator_event_stream_subscribers=1000 max_unreachable_tasks_per_framework=1000
            offer_constraints_re2_max_program_size=100 port=5050 quorum registry_max_agent_count=102400
        """,
        "number": "allocator_agent_recovery_factor=0.8",
        "size": "offer_constraints_re2_max_mem=4KB",
        "duration": """
            agent_ping_timeout=15secs agent_reregister_timeout=10mins allocation_interval=1secs
            allocator_recovery_timeout=10mins authentication_v0_timeout=15secs offer_timeout registry_fetch_timeout=1mins
            registry_gc_interval=15mins registry_max_agent_age=2weeks registry_store_timeout=20secs
            zk_session_timeout=10secs
        """,
    },
    {
        "agent_ping_timeout": "slave_ping_timeout",
        "agent_removal_rate_limit": "slave_removal_rate_limit",
        "agent_reregister_timeout": "slave_reregister_timeout",
        "authenticate_agents": "authenticate_slaves",
        "authenticate_frameworks": "authenticate",
        "max_agent_ping_timeouts": "max_slave_ping_timeouts",
        "recovery_agent_removal_limit": "recovery_slave_removal_limit",
    },
)
