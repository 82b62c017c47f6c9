"""Trees: the private clones in which workflows work, and the clean clones in which their gates run.

Of a workflow there is a folder (`tree_folder`) with its clone `work`, its clone `check`, and Penguin's own files. In
both clones `.git` is for the programs that run there; Penguin itself never reads it. It uses the git folder of the
user's repository, with indexes of its own.
"""
