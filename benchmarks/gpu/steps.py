"""The steps of a session on a GPU, in the order in which they say most, the surest first and the longest last."""

from benchmarks.gpu.decoding import build_model, captured_decode, compiled_decode, plain_decode, prefill
from benchmarks.gpu.kernels import bandwidth, environment, matrix_vector
from benchmarks.gpu.product import engine_plain, save, turing
from benchmarks.gpu.session import Step
from benchmarks.gpu.shape import State

STEPS = (
    Step[State]("environment", 20, environment),
    Step[State]("bandwidth", 20, bandwidth),
    Step[State]("matrix_vector", 45, matrix_vector),
    Step[State]("build", 45, build_model),
    Step[State]("prefill", 20, prefill),
    Step[State]("plain_decode", 30, plain_decode),
    Step[State]("captured_decode", 35, captured_decode),
    Step[State]("save", 45, save),
    Step[State]("engine_plain", 90, engine_plain),
    Step[State]("turing", 20, turing),
    Step[State]("compiled_decode", 150, compiled_decode),
)
