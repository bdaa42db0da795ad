package transfer

import "github.com/tripartite-go/tripartite/network"

// build calibrates, where there are inputs to calibrate on, and makes the heads:
// beside fitted ones also calibrated ones with as many neurons.
func (r *run) build() error {
	var cal *network.Calibration
	if r.calibration.Tokens() > 0 {
		var err error
		if cal, err = network.Calibrate(r.ctx, r.cfg.Network.Model, r.calibration, r.work, r.progress); err != nil {
			return err
		}
	}
	neurons := func(int, int) int { return r.cfg.Neurons }
	if r.cfg.Error > 0 {
		if err := r.allocate(cal); err != nil {
			return err
		}
		neurons = r.granted
	}
	options := network.Options{
		Selection: r.cfg.Selection, Tuning: r.cfg.Tuning, Fitted: r.cfg.Fitted, Draw: r.cfg.Draw,
		Neurons: neurons, Calibration: cal, Seed: r.cfg.Seed,
	}
	if d := r.cfg.Dynamics; d != nil {
		options.Dynamics = d.At
	}
	r.options = options
	var err error
	if r.circuits, err = network.Build(r.cfg.Network.Model, options); err != nil {
		return err
	}
	r.calibrated = cal
	r.report.Config.TotalNeurons = r.circuits.Neurons()
	r.report.Config.SecondsPerToken = Number(r.circuits.Seconds(1))
	if r.cfg.Fitted == nil || cal == nil {
		return nil
	}
	options.Tuning, options.Fitted = network.Calibrated, nil
	options.Neurons = func(l, h int) int { return r.cfg.Fitted.At(l, h).Neurons() }
	r.unfitted, err = network.Build(r.cfg.Network.Model, options)
	return err
}
