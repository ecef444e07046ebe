"""Ours in the place of the images and snapshots that moto itself makes."""

from typing import Any

from amicopy.sandbox.ec2.images import Plan, Snapshot
from amicopy.sandbox.world import world


def own_snapshot(backend: Any, stock: Any) -> Snapshot:
    """One of our snapshots for one that moto itself made (CreateSnapshot, CopySnapshot, CreateImage)."""
    row = {
        "id": stock.id,
        "size": stock.volume.size,
        "key": (stock.kms_key_id or backend.default_kms_key_id) if stock.encrypted else None,
        "description": stock.description,
        "seconds": 0.0,
    }
    plan = {
        "image_id": stock.from_ami,
        "started": world.now(),
        "seconds": 0.0,
    }
    return Snapshot(backend, row, plan)


def adopt(stock: Any) -> Plan:
    """A plan for an image that moto itself made (CreateImage, RegisterImage), so that it can be copied."""
    attributes = {
        "Name": stock.name,
        "Description": stock.description or "",
        "Architecture": stock.architecture or "x86_64",
        "BlockDeviceMappings": stock.block_device_mappings,
        "RootDeviceName": stock.root_device_name,
        "PlatformDetails": "Linux/UNIX",
        "UsageOperation": "RunInstances",
    }
    if stock.platform:
        attributes["Platform"] = stock.platform
    return {
        "image_id": stock.id,
        "attributes": attributes,
        "tags": dict(stock.ec2_backend.tags.get(stock.id, {})),
        "snapshots": [stock.ebs_snapshot.row],
        "snapshot_tags": {},
        "started": world.now(),
        "seconds": 0.0,
    }
