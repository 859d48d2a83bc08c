"""The table: every option of `docker run`, what its value is, and where it goes.

Whoever wonders what an option does finds its row here, and the function that its row names.
"""

from __future__ import annotations

from weave_http.run_args import (
    addresses,
    client_side,
    devices,
    environment,
    lifecycle,
    limits,
    mounts,
    networks,
    ports,
    scalars,
    security,
    streams,
    volumes,
)
from weave_http.run_args.grammar import OptionIndex
from weave_http.run_args.kinds import ValueKind, full_pair
from weave_http.run_args.option import FIRST, HOST, Option

SWITCH, TEXT, INT, BYTES, DURATION, LIST, MAP = (
    ValueKind.SWITCH,
    ValueKind.TEXT,
    ValueKind.INT,
    ValueKind.BYTES,
    ValueKind.DURATION,
    ValueKind.LIST,
    ValueKind.MAP,
)
_HEALTH = "Healthcheck."
_first = networks.first

CLIENT = (
    Option("detach", SWITCH, short="d", build=streams.build_streams),
    Option("detach-keys", TEXT, check=client_side.detach_keys),
    Option("disable-content-trust", SWITCH),
    Option("help", SWITCH),
    Option("kernel-memory", BYTES, build=client_side.build_kernel_memory),
    Option("name", TEXT),
    Option("platform", TEXT),
    Option("pull", TEXT, check=client_side.pull),
    Option("quiet", SWITCH, short="q"),
    Option("sig-proxy", SWITCH),
)
"""Not the body's."""

PROCESS = (
    Option(
        "attach",
        LIST,
        "AttachStdin",
        "a",
        also=("AttachStdout", "AttachStderr"),
        read=streams.stream,
        build=streams.build_streams,
        back=streams.attached,
    ),
    Option("interactive", SWITCH, "OpenStdin", "i", build=streams.build_streams),
    Option("tty", SWITCH, "Tty", "t"),
    Option("hostname", TEXT, "Hostname", "h"),
    Option("domainname", TEXT, "Domainname"),
    Option("user", TEXT, "User", "u"),
    Option("workdir", TEXT, "WorkingDir", "w"),
    Option("entrypoint", TEXT, "Entrypoint", build=streams.build_entrypoint, back=streams.entrypoint),
    Option("env", LIST, "Env", "e", read=environment.env, build=environment.build_env),
    Option("env-file", LIST, "Env", build=environment.build_env, back=lambda body: ()),
    Option("label", MAP, "Labels", "l", read=environment.label, build=environment.build_labels),
    Option("label-file", LIST, "Labels", build=environment.build_labels, back=lambda body: ()),
    Option("stop-signal", TEXT, "StopSignal"),
    Option("stop-timeout", INT, "StopTimeout", always=True),
    Option("health-cmd", TEXT, _HEALTH + "Test", build=lifecycle.build_health, back=lifecycle.health_command),
    Option(
        "health-interval",
        DURATION,
        _HEALTH + "Interval",
        check=lifecycle.not_negative,
        build=lifecycle.build_health,
    ),
    Option(
        "health-timeout",
        DURATION,
        _HEALTH + "Timeout",
        check=lifecycle.not_negative,
        build=lifecycle.build_health,
    ),
    Option(
        "health-start-period",
        DURATION,
        _HEALTH + "StartPeriod",
        check=lifecycle.not_negative,
        build=lifecycle.build_health,
    ),
    Option(
        "health-start-interval",
        DURATION,
        _HEALTH + "StartInterval",
        check=lifecycle.not_negative,
        build=lifecycle.build_health,
    ),
    Option("health-retries", INT, _HEALTH + "Retries", check=lifecycle.not_negative, build=lifecycle.build_health),
    Option("no-healthcheck", SWITCH, _HEALTH + "Test", build=lifecycle.build_health, back=lifecycle.no_health),
)
"""Who the container is, and what runs in it."""

NETWORK = (
    Option("publish", LIST, HOST + "PortBindings", "p", read=ports.publish, build=ports.build, back=ports.published),
    Option("expose", LIST, "ExposedPorts", read=ports.expose, build=ports.build, back=ports.exposed),
    Option("publish-all", SWITCH, HOST + "PublishAllPorts", "P"),
    Option(
        "network",
        LIST,
        HOST + "NetworkMode",
        aliases=("net",),
        read=networks.network,
        build=networks.build,
        back=networks.networks,
    ),
    Option(
        "network-alias", LIST, FIRST + "Aliases", aliases=("net-alias",), build=networks.build, back=_first("Aliases")
    ),
    Option(
        "ip",
        TEXT,
        FIRST + "IPAMConfig.IPv4Address",
        check=addresses.optional_ip,
        build=networks.build,
        back=_first("IPAMConfig", "IPv4Address"),
    ),
    Option(
        "ip6",
        TEXT,
        FIRST + "IPAMConfig.IPv6Address",
        check=addresses.optional_ip,
        build=networks.build,
        back=_first("IPAMConfig", "IPv6Address"),
    ),
    Option(
        "link-local-ip",
        LIST,
        FIRST + "IPAMConfig.LinkLocalIPs",
        read=addresses.ip,
        build=networks.build,
        back=_first("IPAMConfig", "LinkLocalIPs"),
    ),
    Option(
        "mac-address", TEXT, FIRST + "MacAddress", check=addresses.mac, build=networks.build, back=_first("MacAddress")
    ),
    Option("link", LIST, HOST + "Links", read=networks.link, build=networks.build),
    Option("add-host", LIST, HOST + "ExtraHosts", read=networks.extra_host),
    Option("dns", LIST, HOST + "Dns", read=addresses.ip),
    Option("dns-option", LIST, HOST + "DnsOptions", aliases=("dns-opt",)),
    Option("dns-search", LIST, HOST + "DnsSearch", read=networks.search_domain),
)
"""Ports, networks, names."""

STORAGE = (
    Option("volume", LIST, HOST + "Binds", "v", read=volumes.volume, build=volumes.build, back=volumes.volumes),
    Option("mount", LIST, HOST + "Mounts", read=mounts.mount, build=mounts.build, back=mounts.mounts),
    Option("use-api-socket", SWITCH, HOST + "Mounts", build=client_side.build_api_socket, back=lambda body: ()),
    Option("tmpfs", MAP, HOST + "Tmpfs", read=volumes.tmpfs, back=volumes.all_tmpfs),
    Option("volumes-from", LIST, HOST + "VolumesFrom"),
    Option("volume-driver", TEXT, HOST + "VolumeDriver"),
    Option("storage-opt", MAP, HOST + "StorageOpt", read=full_pair),
    Option("read-only", SWITCH, HOST + "ReadonlyRootfs"),
    Option("cidfile", TEXT, HOST + "ContainerIDFile", build=client_side.build_cidfile),
)
"""Volumes and files."""

RESOURCES = (
    Option("memory", BYTES, HOST + "Memory", "m"),
    Option("memory-reservation", BYTES, HOST + "MemoryReservation"),
    Option("memory-swap", BYTES, HOST + "MemorySwap", read=scalars.swap_size),
    Option(
        "memory-swappiness",
        INT,
        HOST + "MemorySwappiness",
        check=limits.swappiness,
        build=limits.build_swappiness,
        back=limits.swappiness_of,
    ),
    Option("shm-size", BYTES, HOST + "ShmSize"),
    Option("oom-kill-disable", SWITCH, HOST + "OomKillDisable"),
    Option("oom-score-adj", INT, HOST + "OomScoreAdj"),
    Option("pids-limit", INT, HOST + "PidsLimit"),
    Option("cpus", ValueKind.DECIMAL, HOST + "NanoCpus"),
    Option("cpu-shares", INT, HOST + "CpuShares", "c"),
    Option("cpu-period", INT, HOST + "CpuPeriod"),
    Option("cpu-quota", INT, HOST + "CpuQuota"),
    Option("cpu-rt-period", INT, HOST + "CpuRealtimePeriod"),
    Option("cpu-rt-runtime", INT, HOST + "CpuRealtimeRuntime"),
    Option("cpuset-cpus", TEXT, HOST + "CpusetCpus"),
    Option("cpuset-mems", TEXT, HOST + "CpusetMems"),
    Option("cpu-count", INT, HOST + "CpuCount", os="windows"),
    Option("cpu-percent", INT, HOST + "CpuPercent", os="windows"),
    Option("io-maxbandwidth", BYTES, HOST + "IOMaximumBandwidth", os="windows"),
    Option("io-maxiops", ValueKind.UINT64, HOST + "IOMaximumIOps", os="windows"),
    Option("blkio-weight", ValueKind.UINT16, HOST + "BlkioWeight"),
    Option(
        "blkio-weight-device",
        LIST,
        HOST + "BlkioWeightDevice",
        read=devices.device_weight,
        back=devices.of_device("BlkioWeightDevice", "Weight"),
    ),
    Option(
        "device-read-bps",
        LIST,
        HOST + "BlkioDeviceReadBps",
        read=devices.bytes_per_second,
        back=devices.of_device("BlkioDeviceReadBps", "Rate"),
    ),
    Option(
        "device-write-bps",
        LIST,
        HOST + "BlkioDeviceWriteBps",
        read=devices.bytes_per_second,
        back=devices.of_device("BlkioDeviceWriteBps", "Rate"),
    ),
    Option(
        "device-read-iops",
        LIST,
        HOST + "BlkioDeviceReadIOps",
        read=devices.operations_per_second,
        back=devices.of_device("BlkioDeviceReadIOps", "Rate"),
    ),
    Option(
        "device-write-iops",
        LIST,
        HOST + "BlkioDeviceWriteIOps",
        read=devices.operations_per_second,
        back=devices.of_device("BlkioDeviceWriteIOps", "Rate"),
    ),
    Option("ulimit", MAP, HOST + "Ulimits", read=limits.ulimit, build=limits.build_ulimits, back=limits.ulimits),
    Option("device", LIST, HOST + "Devices", build=devices.build, back=devices.devices),
    Option("device-cgroup-rule", LIST, HOST + "DeviceCgroupRules", read=devices.cgroup_rule),
    Option("gpus", LIST, HOST + "DeviceRequests", read=devices.gpus, build=devices.build, back=devices.gpu_requests),
)
"""Memory, processors, devices."""

ISOLATION = (
    Option("privileged", SWITCH, HOST + "Privileged"),
    Option("cap-add", LIST, HOST + "CapAdd", read=security.capability, build=security.build_capabilities),
    Option("cap-drop", LIST, HOST + "CapDrop", read=security.capability, build=security.build_capabilities),
    Option("group-add", LIST, HOST + "GroupAdd"),
    Option(
        "security-opt",
        LIST,
        HOST + "SecurityOpt",
        read=security.security_option,
        build=security.build_security,
        back=security.security_options,
    ),
    Option("userns", TEXT, HOST + "UsernsMode", check=security.mode("host")),
    Option("uts", TEXT, HOST + "UTSMode", check=security.mode("host")),
    Option("pid", TEXT, HOST + "PidMode", check=security.mode("host", container=True)),
    Option("ipc", TEXT, HOST + "IpcMode"),
    Option("cgroupns", TEXT, HOST + "CgroupnsMode", check=security.mode("host", "private")),
    Option("cgroup-parent", TEXT, HOST + "CgroupParent"),
    Option("isolation", TEXT, HOST + "Isolation"),
    Option("runtime", TEXT, HOST + "Runtime"),
    Option("init", SWITCH, HOST + "Init", always=True),
    Option("sysctl", MAP, HOST + "Sysctls", read=security.sysctl),
    Option("annotation", MAP, HOST + "Annotations"),
    Option("rm", SWITCH, HOST + "AutoRemove", build=lifecycle.build_restart),
    Option(
        "restart",
        TEXT,
        HOST + "RestartPolicy",
        check=lifecycle.restart,
        build=lifecycle.build_restart,
        back=lifecycle.restarts,
    ),
    Option("log-driver", TEXT, HOST + "LogConfig.Type", build=lifecycle.build_logs),
    Option("log-opt", MAP, HOST + "LogConfig.Config", build=lifecycle.build_logs, back=lifecycle.log_options),
)
"""What the container may do, and what becomes of it."""

GROUPS = {
    "Around the request": CLIENT,
    "Process": PROCESS,
    "Network": NETWORK,
    "Storage": STORAGE,
    "Resources": RESOURCES,
    "Isolation and life": ISOLATION,
}
OPTIONS: tuple[Option, ...] = tuple(option for group in GROUPS.values() for option in group)
OPTIONS_BY_NAME = OptionIndex.of(OPTIONS)
ORDER = {option.name: index for index, option in enumerate(OPTIONS)}
"""In this order options are put into the body, whatever their order on the line."""
