# One job trains replicates of one variant, or of several small ones. Its parameters are the whole truth about it: a
# changed setting re-runs the job that trains this variant (what it trained before and still holds, it skips), a change
# of the engine re-runs all.


rule train:
    input:
        unpack(data_of_batch),
        references=lambda wildcards: sorted(files_referred(*runs_of(wildcards))),
    output:
        paths.trained("{experiment}", "{batch}"),
    log:
        paths.logs("train/{experiment}/{batch}"),
    benchmark:
        paths.benchmark("train/{experiment}/{batch}")
    retries: 2
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: (700 if study.is_live else 400) * attempt,
        runtime=lambda wildcards, attempt: 30 * attempt,
    params:
        runs=lambda wildcards: batch_of(wildcards).canonical,
        folder=lambda wildcards: paths.runs(wildcards.experiment),
        seed=study.config.study_seed,
        data=data.directory,
        known=paths.known,
        sources=training_digest(),
    shell:
        "chapter6 train --experiment {wildcards.experiment} --runs {params.runs:q} --folder {params.folder}"
        " --seed {params.seed} --data {params.data:q} --known {params.known} --output {output} 2> {log}"
