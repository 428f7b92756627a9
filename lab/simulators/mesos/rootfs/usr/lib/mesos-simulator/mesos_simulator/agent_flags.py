# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The agent's flags with their defaults (mesos 1.11.0 docs/configuration/agent.md; defaults: recorded GET /flags).

Flags that exist only in builds with the network or XFS isolators are not among them, as in the recorded build.
"""

from __future__ import annotations

from mesos_simulator import flags

TABLE = flags.declare(
    {
        "string": """
            acls advertise_ip advertise_port agent_features agent_subsystems allowed_devices attributes
            bounding_capabilities cgroups_net_cls_primary_handle cgroups_net_cls_secondary_handles container_logger
            csi_plugin_config_dir default_container_dns default_container_info default_container_shm_size
            disk_profile_adaptor docker_config docker_mesos_image domain effective_capabilities
            executor_environment_variables external_log_file firewall_rules hadoop_home hooks
            host_path_volume_force_creation hostname http_authenticators image_gc_config image_providers
            image_provisioner_backend ip ip6 ip6_discovery_command ip_discovery_command log_dir
            master_detector modules modules_dir network_cni_config_dir network_cni_plugins_dir nvidia_gpu_devices
            perf_events qos_controller resource_estimator resource_provider_config_dir resources seccomp_config_dir
            seccomp_profile_name secret_resolver volume_gid_range work_dir master
            appc_simple_discovery_uri_prefix=http:// appc_store_dir=/var/tmp/mesos/store/appc authenticatee=crammd5
            authorizer=local cgroups_hierarchy=/sys/fs/cgroup cgroups_root=mesos containerizers=mesos default_role=*
            docker=docker docker_registry=https://docker-registry.example docker_socket=/var/run/docker.sock
            docker_store_dir=/var/tmp/mesos/store/docker
            docker_volume_checkpoint_dir=/var/run/mesos/isolators/docker/volume fetcher_cache_dir=/var/tmp/mesos/fetch
            frameworks_home= isolation=posix/cpu,posix/mem launcher=linux launcher_dir=/usr/libexec/mesos
            logging_level=INFO reconfiguration_policy=equal recover=reconnect runtime_dir=/var/run/mesos
            sandbox_directory=/mnt/mesos/sandbox systemd_runtime_directory=/run/systemd/system
        """,
        "path": "credential http_credentials jwt_secret_key",
        "boolean": """
            authenticate_http_readonly=false authenticate_http_readwrite=false cgroups_cpu_enable_pids_and_tids_count=false
            cgroups_enable_cfs=false cgroups_limit_swap=false disallow_sharing_agent_ipc_namespace=false
            disallow_sharing_agent_pid_namespace=false docker_ignore_runtime=false docker_kill_orphans=true
            docker_volume_chown=false enforce_container_disk_quota=false gc_non_executor_container_sandboxes=false
            help=false hostname_lookup=true http_command_executor=false http_executor_domain_sockets=false
            initialize_driver_logging=true memory_profiling=false network_cni_metrics=true
            network_cni_root_dir_persist=false quiet=false revocable_cpu_low_priority=true strict=true switch_user=true
            systemd_enable_support=true version=false
        """,
        "integer": "logbufsecs=0 max_completed_executors_per_framework=150 port=5051",
        "number": "gc_disk_headroom=0.1",
        "size": "fetcher_cache_size=2GB",
        "duration": """
            authentication_backoff_factor=1secs authentication_timeout_max=1mins authentication_timeout_min=5secs
            cgroups_destroy_timeout=1mins container_disk_watch_interval=15secs disk_watch_interval=1mins
            executor_reregistration_retry_interval
            docker_remove_delay=6hrs docker_stop_timeout=0ns executor_registration_timeout=1mins
            executor_reregistration_timeout=2secs executor_shutdown_grace_period=5secs fetcher_stall_timeout=1mins
            gc_delay=1weeks http_heartbeat_interval=30secs oversubscribed_resources_interval=15secs perf_duration=10secs
            perf_interval=1mins qos_correction_interval_min=0ns recovery_timeout=15mins registration_backoff_factor=1secs
            zk_session_timeout=10secs
        """,
    },
    {"agent_subsystems": "slave_subsystems", "effective_capabilities": "allowed_capabilities"},
    required=("work_dir",),
)
