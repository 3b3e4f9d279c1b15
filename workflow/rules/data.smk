# The data set, MNIST or another: fetched once, checked by SHA-256, stored as arrays that jobs map into memory.
rule mnist:
    output:
        digest=f"{data.directory}/digest.json",
        arrays=expand(
            f"{data.directory}/{{part}}.npy", part=["train-images", "train-labels", "test-images", "test-labels"]
        ),
    log:
        paths.logs("mnist"),
    benchmark:
        paths.benchmark("mnist")
    retries: 1
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=400,
        runtime=30,
    params:
        stored=2,  # what stands in the digest's file: where an older version wrote it, it is written again
        directory=lambda wildcards, output: os.path.dirname(output.digest),
        mirrors=[f"--mirror={mirror}" for mirror in data.mirrors or ()],
        wanted=json.dumps(plain(data.wanted)),
        cache=[] if data.cache is None else [f"--cache={data.cache}"],
    shell:
        "chapter6 fetch --directory {params.directory:q} {params.mirrors:q} --set {params.wanted:q} {params.cache:q}"
        " --log {log}"
