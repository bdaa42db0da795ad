package experiment

// What laboratories know. Titles are shortened; every reference is to a paper that
// measured what is said here, and what it leaves open is said, too.
const (
	authors     = "Kozachkov, Kastanenka & Krotov 2023, PNAS 120(34) e2219150120"
	pascual     = "astrocytic ATP, broken down to adenosine, suppresses presynaptic release through A1 receptors (Pascual et al. 2005, Science 310:113)"
	perea       = "optogenetic activation of astrocytes can enhance transmission, the opposite sign, and changes what neurons are selective for: PV+ neurons lose orientation selectivity, that of others changes either way (Perea et al. 2014, Nature Communications 5:3262); it acts through mGluR1a receptors, and is no pure manipulation of calcium"
	agulhon     = "neither raising nor abolishing the calcium of astrocytes' Gq pathway changed transmission or plasticity (Agulhon, Fiacco & McCarthy 2010, Science 327:1250)"
	stobart     = "processes have calcium signals that are nearly as fast as neurons, largely independent of IP3R2 (Stobart et al. 2018, Neuron 98:726)"
	petravicz   = "without IP3R2 baseline synapses and behaviour are normal (Petravicz et al. 2008, Journal of Neuroscience 28:4967; 2014, Frontiers in Behavioral Neuroscience 8:384), though fast signals of processes may be left"
	navarrete   = "cholinergic LTP, which is lost without IP3R2 (Navarrete et al. 2012, PLoS Biology 10:e1001259), is that of the synapse, and says nothing of the process"
	henneberger = "clamping astrocyte calcium blocks LTP and D-serine rescues it (Henneberger et al. 2010, Nature 463:232): it hits H, and not only c"
	pannasch    = "without connexins 30 and 43 synaptic activity and plasticity change (Pannasch et al. 2011, PNAS 108:8467), but clearance of glutamate and potassium does, too: a confound"
	morris      = "blocking NMDA receptors blocks LTP and impairs learning (Morris et al. 1986, Nature 319:774)"
	pretrained  = "animals that were trained before learn a place although NMDA receptors are blocked (Bannerman et al. 1995, Nature 378:182; Saucier & Cain 1995, Nature 378:186)"
	quickly     = "that synapses change within the seconds that an input takes is assumed, and open"
	oliet       = "where processes withdraw from synapses, clearance and transmission change (Oliet, Piet & Poulain 2001, Science 292:923): by glutamate, a confound"
	ventura     = "in hippocampus nearly half of the synapses have no astrocyte's process beside them (Ventura & Harris 1999, Journal of Neuroscience 19:6897), and are not known to be silent"
	migues      = "blocking the removal of AMPA receptors from synapses prevents forgetting (Migues et al. 2016, Journal of Neuroscience 36:3481)"
	slowIP3     = "IP3 decays at 0.14/s, in 7 s, in NEST's astrocyte_lr_1994 (after Wang et al. 1995, Journal of General Physiology 105:149)"
)

// laboratory lists predictions without their effects, and without what would falsify
// them, which follows from these: Manipulation is the name by which the experiment
// knows it.
func laboratory() []Prediction {
	return []Prediction{{
		Manipulation: ClampedMean, Experiment: "silencing",
		Laboratory: "astrocyte calcium held at the mean that it has while other inputs are read, by a patch pipette or by a buffer with calcium, during recall of what was just learned",
		takes:      "calcium held in fine processes, too, seen there by an indicator, only during recall, and D-serine supplied",
		For:        []string{pascual, stobart},
		Against:    []string{petravicz, agulhon, perea, henneberger},
		Whose:      "that calcium normalizes is the authors' (" + authors + "); the clamp at the mean, and its effect, are ours",
	}, {
		Manipulation: FrozenHebb, Experiment: "silencing",
		Laboratory: "plasticity of synapses between neurons blocked (NMDA-receptor antagonists) before the input comes",
		takes:      "a blocker that leaves perception and movement as they are, and an input that is new after whatever training came before",
		For:        []string{morris},
		Against:    []string{pretrained, quickly},
		Whose:      "Hebbian storage is the authors'; the effect is ours",
	}, {
		Manipulation: FrozenGain, Experiment: "silencing",
		Laboratory: "plasticity of the signal from neurons to astrocyte processes blocked, that of synapses between neurons left alone",
		takes:      "a block of what strengthens the calcium response of a process to its synapse, with LTP of that synapse shown to be left",
		Against:    []string{navarrete, "no experiment is known to us that tells the two kinds of plasticity apart", quickly},
		Whose:      "that gains are plastic is the authors'; the effect is ours",
	}, {
		Manipulation: FrozenBoth, Experiment: "silencing",
		Laboratory: "both kinds of plasticity blocked",
		takes:      "both of the blocks above together",
		For:        []string{morris},
		Against:    []string{pretrained, navarrete, quickly},
		Whose:      "ours",
	}, {
		Manipulation: SlowCalcium, Experiment: "silencing",
		Laboratory: "fast calcium of processes removed, slow calcium of the IP3 pathway left",
		takes:      "removal of fast signals alone, and inputs that follow one another within the seconds of the slow ones",
		For:        []string{stobart, slowIP3},
		Against:    []string{petravicz, agulhon},
		Whose:      "ours",
	}, {
		Manipulation: HalfSaturated, Experiment: "silencing",
		Laboratory: "a tonic share added to what calcium does to release, as by an A1-receptor agonist at a constant dose",
		takes:      "a dose that takes as much of release as mean calcium does, at the synapses that astrocytes modulate",
		For:        []string{pascual},
		Against:    []string{perea, agulhon},
		Whose:      "ours",
	}, {
		Manipulation: Silent, Experiment: "coverage",
		Laboratory: "astrocyte processes withdrawn from most synapses, which fall silent",
		takes:      "withdrawal with clearance of glutamate kept, and release at the synapses that were left shown to be absent",
		Against:    []string{ventura, oliet},
		Whose:      "ours",
	}, {
		Manipulation: Undivided, Experiment: "coverage",
		Laboratory: "astrocyte processes withdrawn from most synapses, which go on unmodulated; or astrocytes uncoupled so that processes lose their share",
		takes:      "withdrawal with clearance of glutamate kept, and release at the synapses that were left shown to go on",
		For:        []string{oliet, ventura},
		Against:    []string{pannasch},
		Whose:      "ours",
	}, {
		Manipulation: GapJunctions, Experiment: "domains",
		Laboratory: "astrocytes uncoupled, by blocking or knocking out connexins 30 and 43, while clearance is kept",
		takes:      "clearance of glutamate and potassium shown to be kept, and a computation that is known to spread over several astrocytes",
		For:        []string{pannasch},
		Against:    []string{"no test is known to us that leaves clearance as it is"},
		Whose:      "ours: the paper has one astrocyte",
	}, {
		Manipulation: Diffusion, Experiment: "domains",
		Laboratory: "calcium kept where it arises, by a fast and immobile buffer in the astrocyte",
		takes:      "a buffer that stops the spread of calcium and leaves the size of signals as it is",
		For:        []string{stobart},
		Against:    []string{"a buffer also takes from the size of signals: a confound"},
		Whose:      "ours",
	}, {
		Manipulation: "forgetting", Experiment: "load",
		Laboratory: "active decay of recent potentiation blocked, while inputs follow one another",
		takes:      "a block of decay within the time of a few inputs, and responses to the present one compared with those without any before it",
		For:        []string{migues},
		Against:    []string{"that forgetting takes days; whether what is kept then costs later inputs is not known to us"},
		Whose:      "ours; that decay of weights is a positional bias is known of linear attention and ALiBi",
	}}
}
