"""onnx.checker (full), strict shape inference with data propagation, and an onnxruntime CPU session for every graph.

    npx tsx write-graphs.ts <folder>        # writes <folder>/<bundle>/<graph>.onnx
    python check_graphs.py <folder>         # writes ../fixtures/graphs-report.json, which a test compares with today's graphs
"""

import hashlib
import json
import pathlib
import sys

import onnx
import onnxruntime

from provenance import provenance

FIXTURES = pathlib.Path(__file__).parent.parent / "fixtures"


def check(path: pathlib.Path) -> dict:
    data = path.read_bytes()
    model = onnx.load_from_string(data)
    onnx.checker.check_model(model, full_check=True)
    inferred = onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True, data_prop=True)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 2
    session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    return {
        "sha256": hashlib.sha256(data).hexdigest(),
        "bytes": len(data),
        "nodes": len(model.graph.node),
        "inferred_values": len(inferred.graph.value_info),
        "opset": {o.domain or "ai.onnx": o.version for o in model.opset_import},
        "inputs": len(session.get_inputs()),
        "outputs": {o.name: o.shape for o in session.get_outputs()},
    }


if __name__ == "__main__":
    folder = pathlib.Path(sys.argv[1])
    graphs = {}
    for path in sorted(folder.rglob("*.onnx")):
        name = path.relative_to(folder).with_suffix("").as_posix()
        try:
            graphs[name] = check(path)
        except Exception as error:
            sys.exit(f"{name}: {error}")
    made = provenance("onnx", "onnxruntime")
    made["command"] = "python check_graphs.py <folder>"
    rows = ",\n".join(f"{json.dumps(name)}: {json.dumps(row)}" for name, row in graphs.items())
    text = f'{{"made": {json.dumps(made)},\n"graphs": {{\n{rows}\n}}}}\n'
    (FIXTURES / "graphs-report.json").write_text(text)
    print(f"{len(graphs)} graphs checked")
