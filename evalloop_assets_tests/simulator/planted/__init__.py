"""What `docs/simulator.md` says is planted, found again by a reader who knows that page and the log contract only.

Words, items and phrases are not given here: they are induced from the text by how they recur. Truth tables are read
where the page names them as the key. Bounds are the page's figures, widened by the sampling error of one seed.
"""
