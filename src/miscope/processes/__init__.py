"""Sources of sequences whose mutual information is known exactly: truth to calibrate against."""

from miscope.processes.base import AsymptoticLaw, Process, RealProcess, SymbolProcess
from miscope.processes.fractional import FractionalNoise
from miscope.processes.gaussian import GaussianCopula, PowerLawBinary, Quantised
from miscope.processes.grammar import RandomHierarchy, TreeGrammar
from miscope.processes.ising import IsingChain
from miscope.processes.linear_rnn import LinearRNN
from miscope.processes.long_range_ising import LongRangeIsing, binder_cumulant, transition_coupling
from miscope.processes.markov import HiddenMarkov, MarkovChain
from miscope.processes.mixture import Heterogeneous
from miscope.processes.naming import PROCESSES, from_description, from_text
from miscope.processes.planning import Detectability
from miscope.processes.renewal import Renewal

__all__ = [
    "PROCESSES",
    "AsymptoticLaw",
    "Detectability",
    "FractionalNoise",
    "GaussianCopula",
    "Heterogeneous",
    "HiddenMarkov",
    "IsingChain",
    "LinearRNN",
    "LongRangeIsing",
    "MarkovChain",
    "PowerLawBinary",
    "Process",
    "Quantised",
    "RandomHierarchy",
    "RealProcess",
    "Renewal",
    "SymbolProcess",
    "TreeGrammar",
    "binder_cumulant",
    "from_description",
    "from_text",
    "transition_coupling",
]
