from buf.validate import validate_pb2 as _validate_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Estimator(_message.Message):
    __slots__ = ("features", "target", "steps", "row_count")
    FEATURES_FIELD_NUMBER: _ClassVar[int]
    TARGET_FIELD_NUMBER: _ClassVar[int]
    STEPS_FIELD_NUMBER: _ClassVar[int]
    ROW_COUNT_FIELD_NUMBER: _ClassVar[int]
    features: _containers.RepeatedScalarFieldContainer[str]
    target: str
    steps: _containers.RepeatedCompositeFieldContainer[EstimatorStep]
    row_count: int
    def __init__(self, features: _Optional[_Iterable[str]] = ..., target: _Optional[str] = ..., steps: _Optional[_Iterable[_Union[EstimatorStep, _Mapping]]] = ..., row_count: _Optional[int] = ...) -> None: ...

class EstimatorStep(_message.Message):
    __slots__ = ("standard_scaler", "principal_components", "linear_regression", "logistic_regression", "gaussian_naive_bayes", "k_means", "decision_tree", "random_forest", "weight")
    STANDARD_SCALER_FIELD_NUMBER: _ClassVar[int]
    PRINCIPAL_COMPONENTS_FIELD_NUMBER: _ClassVar[int]
    LINEAR_REGRESSION_FIELD_NUMBER: _ClassVar[int]
    LOGISTIC_REGRESSION_FIELD_NUMBER: _ClassVar[int]
    GAUSSIAN_NAIVE_BAYES_FIELD_NUMBER: _ClassVar[int]
    K_MEANS_FIELD_NUMBER: _ClassVar[int]
    DECISION_TREE_FIELD_NUMBER: _ClassVar[int]
    RANDOM_FOREST_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_FIELD_NUMBER: _ClassVar[int]
    standard_scaler: StandardScaler
    principal_components: PrincipalComponents
    linear_regression: LinearRegression
    logistic_regression: LogisticRegression
    gaussian_naive_bayes: GaussianNaiveBayes
    k_means: KMeans
    decision_tree: DecisionTree
    random_forest: RandomForest
    weight: int
    def __init__(self, standard_scaler: _Optional[_Union[StandardScaler, _Mapping]] = ..., principal_components: _Optional[_Union[PrincipalComponents, _Mapping]] = ..., linear_regression: _Optional[_Union[LinearRegression, _Mapping]] = ..., logistic_regression: _Optional[_Union[LogisticRegression, _Mapping]] = ..., gaussian_naive_bayes: _Optional[_Union[GaussianNaiveBayes, _Mapping]] = ..., k_means: _Optional[_Union[KMeans, _Mapping]] = ..., decision_tree: _Optional[_Union[DecisionTree, _Mapping]] = ..., random_forest: _Optional[_Union[RandomForest, _Mapping]] = ..., weight: _Optional[int] = ...) -> None: ...

class StandardScaler(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class PrincipalComponents(_message.Message):
    __slots__ = ("component_count", "norm")
    COMPONENT_COUNT_FIELD_NUMBER: _ClassVar[int]
    NORM_FIELD_NUMBER: _ClassVar[int]
    component_count: int
    norm: float
    def __init__(self, component_count: _Optional[int] = ..., norm: _Optional[float] = ...) -> None: ...

class LinearRegression(_message.Message):
    __slots__ = ("without_intercept",)
    WITHOUT_INTERCEPT_FIELD_NUMBER: _ClassVar[int]
    without_intercept: bool
    def __init__(self, without_intercept: bool = ...) -> None: ...

class LogisticRegression(_message.Message):
    __slots__ = ("inverse_regularization", "max_iterations", "norm", "without_intercept")
    INVERSE_REGULARIZATION_FIELD_NUMBER: _ClassVar[int]
    MAX_ITERATIONS_FIELD_NUMBER: _ClassVar[int]
    NORM_FIELD_NUMBER: _ClassVar[int]
    WITHOUT_INTERCEPT_FIELD_NUMBER: _ClassVar[int]
    inverse_regularization: float
    max_iterations: int
    norm: float
    without_intercept: bool
    def __init__(self, inverse_regularization: _Optional[float] = ..., max_iterations: _Optional[int] = ..., norm: _Optional[float] = ..., without_intercept: bool = ...) -> None: ...

class GaussianNaiveBayes(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class KMeans(_message.Message):
    __slots__ = ("cluster_count",)
    CLUSTER_COUNT_FIELD_NUMBER: _ClassVar[int]
    cluster_count: int
    def __init__(self, cluster_count: _Optional[int] = ...) -> None: ...

class DecisionTree(_message.Message):
    __slots__ = ("max_depth",)
    MAX_DEPTH_FIELD_NUMBER: _ClassVar[int]
    max_depth: int
    def __init__(self, max_depth: _Optional[int] = ...) -> None: ...

class RandomForest(_message.Message):
    __slots__ = ("max_depth", "tree_count")
    MAX_DEPTH_FIELD_NUMBER: _ClassVar[int]
    TREE_COUNT_FIELD_NUMBER: _ClassVar[int]
    max_depth: int
    tree_count: int
    def __init__(self, max_depth: _Optional[int] = ..., tree_count: _Optional[int] = ...) -> None: ...
