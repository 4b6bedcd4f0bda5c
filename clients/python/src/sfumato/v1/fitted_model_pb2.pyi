from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class FittedEstimator(_message.Message):
    __slots__ = ("inputs", "classes", "steps", "library", "input_offsets", "input_scales")
    INPUTS_FIELD_NUMBER: _ClassVar[int]
    CLASSES_FIELD_NUMBER: _ClassVar[int]
    STEPS_FIELD_NUMBER: _ClassVar[int]
    LIBRARY_FIELD_NUMBER: _ClassVar[int]
    INPUT_OFFSETS_FIELD_NUMBER: _ClassVar[int]
    INPUT_SCALES_FIELD_NUMBER: _ClassVar[int]
    inputs: _containers.RepeatedScalarFieldContainer[str]
    classes: _containers.RepeatedScalarFieldContainer[str]
    steps: _containers.RepeatedCompositeFieldContainer[FittedStep]
    library: str
    input_offsets: _containers.RepeatedScalarFieldContainer[float]
    input_scales: _containers.RepeatedScalarFieldContainer[float]
    def __init__(self, inputs: _Optional[_Iterable[str]] = ..., classes: _Optional[_Iterable[str]] = ..., steps: _Optional[_Iterable[_Union[FittedStep, _Mapping]]] = ..., library: _Optional[str] = ..., input_offsets: _Optional[_Iterable[float]] = ..., input_scales: _Optional[_Iterable[float]] = ...) -> None: ...

class FittedStep(_message.Message):
    __slots__ = ("scaler", "components", "linear", "naive_bayes", "clusters", "trees")
    SCALER_FIELD_NUMBER: _ClassVar[int]
    COMPONENTS_FIELD_NUMBER: _ClassVar[int]
    LINEAR_FIELD_NUMBER: _ClassVar[int]
    NAIVE_BAYES_FIELD_NUMBER: _ClassVar[int]
    CLUSTERS_FIELD_NUMBER: _ClassVar[int]
    TREES_FIELD_NUMBER: _ClassVar[int]
    scaler: FittedScaler
    components: FittedComponents
    linear: FittedLinear
    naive_bayes: FittedNaiveBayes
    clusters: FittedClusters
    trees: FittedTrees
    def __init__(self, scaler: _Optional[_Union[FittedScaler, _Mapping]] = ..., components: _Optional[_Union[FittedComponents, _Mapping]] = ..., linear: _Optional[_Union[FittedLinear, _Mapping]] = ..., naive_bayes: _Optional[_Union[FittedNaiveBayes, _Mapping]] = ..., clusters: _Optional[_Union[FittedClusters, _Mapping]] = ..., trees: _Optional[_Union[FittedTrees, _Mapping]] = ...) -> None: ...

class Matrix(_message.Message):
    __slots__ = ("row_count", "column_count", "values")
    ROW_COUNT_FIELD_NUMBER: _ClassVar[int]
    COLUMN_COUNT_FIELD_NUMBER: _ClassVar[int]
    VALUES_FIELD_NUMBER: _ClassVar[int]
    row_count: int
    column_count: int
    values: _containers.RepeatedScalarFieldContainer[float]
    def __init__(self, row_count: _Optional[int] = ..., column_count: _Optional[int] = ..., values: _Optional[_Iterable[float]] = ...) -> None: ...

class FittedScaler(_message.Message):
    __slots__ = ("means", "variances")
    MEANS_FIELD_NUMBER: _ClassVar[int]
    VARIANCES_FIELD_NUMBER: _ClassVar[int]
    means: _containers.RepeatedScalarFieldContainer[float]
    variances: _containers.RepeatedScalarFieldContainer[float]
    def __init__(self, means: _Optional[_Iterable[float]] = ..., variances: _Optional[_Iterable[float]] = ...) -> None: ...

class FittedComponents(_message.Message):
    __slots__ = ("components", "means", "explained_variances")
    COMPONENTS_FIELD_NUMBER: _ClassVar[int]
    MEANS_FIELD_NUMBER: _ClassVar[int]
    EXPLAINED_VARIANCES_FIELD_NUMBER: _ClassVar[int]
    components: Matrix
    means: _containers.RepeatedScalarFieldContainer[float]
    explained_variances: _containers.RepeatedScalarFieldContainer[float]
    def __init__(self, components: _Optional[_Union[Matrix, _Mapping]] = ..., means: _Optional[_Iterable[float]] = ..., explained_variances: _Optional[_Iterable[float]] = ...) -> None: ...

class FittedLinear(_message.Message):
    __slots__ = ("coefficients", "intercepts")
    COEFFICIENTS_FIELD_NUMBER: _ClassVar[int]
    INTERCEPTS_FIELD_NUMBER: _ClassVar[int]
    coefficients: Matrix
    intercepts: _containers.RepeatedScalarFieldContainer[float]
    def __init__(self, coefficients: _Optional[_Union[Matrix, _Mapping]] = ..., intercepts: _Optional[_Iterable[float]] = ...) -> None: ...

class FittedNaiveBayes(_message.Message):
    __slots__ = ("priors", "means", "variances")
    PRIORS_FIELD_NUMBER: _ClassVar[int]
    MEANS_FIELD_NUMBER: _ClassVar[int]
    VARIANCES_FIELD_NUMBER: _ClassVar[int]
    priors: _containers.RepeatedScalarFieldContainer[float]
    means: Matrix
    variances: Matrix
    def __init__(self, priors: _Optional[_Iterable[float]] = ..., means: _Optional[_Union[Matrix, _Mapping]] = ..., variances: _Optional[_Union[Matrix, _Mapping]] = ...) -> None: ...

class FittedClusters(_message.Message):
    __slots__ = ("centers",)
    CENTERS_FIELD_NUMBER: _ClassVar[int]
    centers: Matrix
    def __init__(self, centers: _Optional[_Union[Matrix, _Mapping]] = ...) -> None: ...

class FittedTrees(_message.Message):
    __slots__ = ("trees",)
    TREES_FIELD_NUMBER: _ClassVar[int]
    trees: _containers.RepeatedCompositeFieldContainer[FittedTree]
    def __init__(self, trees: _Optional[_Iterable[_Union[FittedTree, _Mapping]]] = ...) -> None: ...

class FittedTree(_message.Message):
    __slots__ = ("inputs", "thresholds", "left", "right", "leaf_classes")
    INPUTS_FIELD_NUMBER: _ClassVar[int]
    THRESHOLDS_FIELD_NUMBER: _ClassVar[int]
    LEFT_FIELD_NUMBER: _ClassVar[int]
    RIGHT_FIELD_NUMBER: _ClassVar[int]
    LEAF_CLASSES_FIELD_NUMBER: _ClassVar[int]
    inputs: _containers.RepeatedScalarFieldContainer[int]
    thresholds: _containers.RepeatedScalarFieldContainer[float]
    left: _containers.RepeatedScalarFieldContainer[int]
    right: _containers.RepeatedScalarFieldContainer[int]
    leaf_classes: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, inputs: _Optional[_Iterable[int]] = ..., thresholds: _Optional[_Iterable[float]] = ..., left: _Optional[_Iterable[int]] = ..., right: _Optional[_Iterable[int]] = ..., leaf_classes: _Optional[_Iterable[int]] = ...) -> None: ...
