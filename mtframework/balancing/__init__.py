"""How the tasks share the training: loss balancers, gradient balancers, and the junction."""

from mtframework.balancing.aligned_mtl import AlignedGradients
from mtframework.balancing.cagrad import ConflictAverse
from mtframework.balancing.dynamic_weight_average import DynamicWeightAverage
from mtframework.balancing.famo import FastAdaptiveWeights
from mtframework.balancing.geometric_mean import GeometricMean
from mtframework.balancing.graddrop import GradientSignDropout
from mtframework.balancing.gradient_balancer import GradientBalancer
from mtframework.balancing.gradnorm import GradientNormalisation
from mtframework.balancing.gradvac import GradientVaccine
from mtframework.balancing.imtl_g import ImpartialGradients
from mtframework.balancing.imtl_l import ImpartialLosses
from mtframework.balancing.initial_loss import InitialLossWeights
from mtframework.balancing.junction import Junction
from mtframework.balancing.loss_balancer import LossBalancer, check_loss_weights
from mtframework.balancing.mgda import MultipleGradientDescent
from mtframework.balancing.nash_mtl import NashBargaining
from mtframework.balancing.pcgrad import ProjectConflicting
from mtframework.balancing.random_weights import RandomWeights
from mtframework.balancing.scheduled_weights import ScheduledWeights
from mtframework.balancing.static_weights import StaticWeights
from mtframework.balancing.uncertainty import UncertaintyWeights
from mtframework.balancing.upgrad import UnconflictingProjection

__all__ = [
    "AlignedGradients",
    "ConflictAverse",
    "DynamicWeightAverage",
    "FastAdaptiveWeights",
    "GeometricMean",
    "GradientBalancer",
    "GradientNormalisation",
    "GradientSignDropout",
    "GradientVaccine",
    "ImpartialGradients",
    "ImpartialLosses",
    "InitialLossWeights",
    "Junction",
    "LossBalancer",
    "MultipleGradientDescent",
    "NashBargaining",
    "ProjectConflicting",
    "RandomWeights",
    "ScheduledWeights",
    "StaticWeights",
    "UncertaintyWeights",
    "UnconflictingProjection",
    "check_loss_weights",
]
