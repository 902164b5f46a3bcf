"""The drawings of docs/drawings: schematics and wiring, written as SVG by schemdraw.

A drawing is one file with a function `draw(sheet)` and one row of DRAWINGS. The values of parts
come from docs/bill-of-materials.toml.

    python -m joulestream.host_tools.drawings           writes docs/drawings
    python -m joulestream.host_tools.drawings --check   exit status 1 if one is out of date
"""

# The file below docs/drawings, without its ending: its module here.
DRAWINGS = {
    "gate-heartbeat": "gate_heartbeat",
    "gate-conditions": "gate_conditions",
    "gate-chain": "gate_chain",
    "gate-identity": "gate_identity",
    "gate-controller": "gate_controller",
    "pilot": "pilot",
    "desk": "desk",
    "pole": "pole",
    "vehicle": "vehicle",
    "link-type2": "link_type2",
    "link-desk": "link_desk",
    "link-cee": "link_cee",
}
