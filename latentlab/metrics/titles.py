"""Names of metrics as the literature writes them."""

TITLES = {
    "mutual_information_gap": "MIG",
    "dcimig": "DCIMIG",
    "jemmig": "JEMMIG",
    "mig_sup": "MIG-sup",
    "med": "MED",
    "irs": "IRS",
    "beta_vae_score": "beta-VAE score",
    "factor_vae_score": "FactorVAE score",
    "sap": "SAP",
    "dci_disentanglement": "DCI disentanglement",
    "dci_completeness": "DCI completeness",
    "dci_informativeness": "DCI informativeness",
    "normalised_wasserstein_correlation": "Normalised Wasserstein correlation",
    "udr_lasso": "UDR, lasso",
    "udr_spearman": "UDR, Spearman",
    "psnr": "PSNR",
    "ssim": "SSIM",
    "ms_ssim": "MS-SSIM",
    "lpips": "LPIPS",
    "fid": "FID",
    "kid": "KID",
}


def metric_title(name: str) -> str:
    """What a reader calls the metric; its name in the tables, in words, where that is all."""
    return TITLES.get(name, name.replace("_", " ").capitalize())
