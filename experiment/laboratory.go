package experiment

// What laboratories know. Titles are shortened; every reference is to a paper that
// measured what is said here, and what it leaves open is said, too.
const (
	authors     = "Kozachkov, Kastanenka & Krotov 2023, PNAS 120(34) e2219150120"
	pascual     = "astrocytic ATP, broken down to adenosine, suppresses presynaptic release through A1 receptors (Pascual et al. 2005, Science 310:113)"
	perea       = "optogenetic activation of astrocytes can enhance transmission, the opposite sign (Perea et al. 2014, Nature Communications 5:3262)"
	stobart     = "processes have calcium signals that are nearly as fast as neurons, largely independent of IP3R2 (Stobart et al. 2018, Neuron 98:726)"
	petravicz   = "without IP3R2 baseline synapses and behaviour are normal (Petravicz et al. 2008, Journal of Neuroscience 28:4967; 2014, Frontiers in Behavioral Neuroscience 8:384), though fast signals of processes may be left"
	navarrete   = "without IP3R2 cholinergic LTP is lost (Navarrete et al. 2012, PLoS Biology 10:e1001259)"
	henneberger = "clamping astrocyte calcium blocks LTP and D-serine rescues it (Henneberger et al. 2010, Nature 463:232): it hits H, and not only c"
	pannasch    = "without connexins 30 and 43 synaptic activity and plasticity change (Pannasch et al. 2011, PNAS 108:8467), but clearance of glutamate and potassium does, too: a confound"
	morris      = "blocking NMDA receptors blocks LTP and impairs learning (Morris et al. 1986, Nature 319:774)"
	oliet       = "where processes withdraw from synapses, clearance and transmission change (Oliet, Piet & Poulain 2001, Science 292:923): by glutamate, a confound"
	ventura     = "in hippocampus a little more than half of the synapses have an astrocyte's process beside them (Ventura & Harris 1999, Journal of Neuroscience 19:6897)"
)

// laboratory lists predictions without their effects: Manipulation is the name by which
// the experiment knows it.
func laboratory() []Prediction {
	return []Prediction{{
		Manipulation: ClampedMean, Experiment: "silencing",
		Laboratory: "astrocyte calcium held at its resting mean, by a patch pipette or by a buffer with calcium, during recall of what was just learned",
		Falsified:  "recall and the gain of responses stay as they were, or responses change what they are selective for and not how large they are",
		For:        []string{pascual, stobart},
		Against:    []string{petravicz, perea, henneberger},
		Whose:      "that calcium normalizes is the authors' (" + authors + "); the clamp at the mean, and its effect, are ours",
	}, {
		Manipulation: FrozenHebb, Experiment: "silencing",
		Laboratory: "plasticity of synapses between neurons blocked (NMDA-receptor antagonists) before the input comes",
		Falsified:  "the input is recalled nonetheless, and not an earlier one in its place",
		For:        []string{morris, henneberger},
		Whose:      "Hebbian storage is the authors'; the effect is ours",
	}, {
		Manipulation: FrozenGain, Experiment: "silencing",
		Laboratory: "plasticity of the signal from neurons to astrocyte processes blocked, that of synapses between neurons left alone",
		Falsified:  "gains of responses follow the present input as before",
		For:        []string{navarrete},
		Against:    []string{"LTP through astrocytes may be that of the synapse and not of the process: the two have not been told apart"},
		Whose:      "that gains are plastic is the authors'; the effect is ours",
	}, {
		Manipulation: FrozenBoth, Experiment: "silencing",
		Laboratory: "both kinds of plasticity blocked",
		Falsified:  "the loss is not that of blocking plasticity between neurons alone, or larger",
		For:        []string{morris, navarrete},
		Whose:      "ours",
	}, {
		Manipulation: SlowCalcium, Experiment: "silencing",
		Laboratory: "fast calcium of processes removed, slow calcium of the IP3 pathway left",
		Falsified:  "the gain of a response depends on the present stimulus alone, and not on those of the seconds before",
		For:        []string{stobart, "IP3 decays within seconds in the model of Li & Rinzel (1994, Journal of Theoretical Biology 166:461)"},
		Against:    []string{petravicz},
		Whose:      "ours",
	}, {
		Manipulation: HalfSaturated, Experiment: "silencing",
		Laboratory: "a tonic share added to what calcium does to release, as by an A1-receptor agonist at a constant dose",
		Falsified:  "responses with little and with much calcium lose the same share: those with little should lose most",
		For:        []string{pascual},
		Against:    []string{perea},
		Whose:      "ours",
	}, {
		Manipulation: Silent, Experiment: "coverage",
		Laboratory: "astrocyte processes withdrawn from most synapses, which fall silent",
		Falsified:  "responses change in their mean before they change in their precision",
		For:        []string{ventura},
		Against:    []string{oliet},
		Whose:      "ours",
	}, {
		Manipulation: Undivided, Experiment: "coverage",
		Laboratory: "astrocyte processes withdrawn from most synapses, which go on unmodulated; or astrocytes uncoupled so that processes lose their share",
		Falsified:  "the spread of the gains of responses stays as it was",
		For:        []string{oliet},
		Against:    []string{pannasch},
		Whose:      "ours",
	}, {
		Manipulation: GapJunctions, Experiment: "domains",
		Laboratory: "astrocytes uncoupled, by blocking or knocking out connexins 30 and 43, while clearance is kept",
		Falsified:  "nothing is lost where one computation spreads over several astrocytes",
		For:        []string{pannasch},
		Against:    []string{"no test is known to us that leaves clearance as it is"},
		Whose:      "ours: the paper has one astrocyte",
	}, {
		Manipulation: Diffusion, Experiment: "domains",
		Laboratory: "calcium kept where it arises, by a fast and immobile buffer in the astrocyte",
		Falsified:  "the gains of synapses far apart on one astrocyte follow one another as before",
		For:        []string{stobart},
		Against:    []string{"a buffer also takes from the size of signals: a confound"},
		Whose:      "ours",
	}, {
		Manipulation: "forgetting", Experiment: "load",
		Laboratory: "active decay of recent potentiation blocked, while inputs follow one another",
		Falsified:  "responses to the present input carry no more of earlier ones than before",
		Whose:      "ours; that decay of weights is a positional bias is known of linear attention and ALiBi",
	}}
}
