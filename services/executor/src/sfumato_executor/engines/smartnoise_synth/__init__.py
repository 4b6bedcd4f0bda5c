"""The engine `smartnoise_synth`: SmartNoise-Synth learns a table's distribution, from which rows are drawn for free."""
