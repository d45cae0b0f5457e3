"""A model's decoder as a short list of operations and 16-bit weights that need no PyTorch.

`export.portable` makes a `program.Program`; `interpreter.run` computes one with numpy, and
`reports/assets/decoder.js` in a browser. Programs can be read without importing torch.
"""
