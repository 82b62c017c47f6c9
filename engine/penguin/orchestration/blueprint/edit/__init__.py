"""Changes of blueprint files, written in each file's own form.

`add_task` is the entry. `markdown_form`, `yaml_form` and `json_form` each know one format and return texts that may
hold the new task; `add_task` reads each text back and writes the first one that holds exactly that task and nothing
else new.

`blueprint_edit` changes and adds the tasks of an import. It and `yaml_form` share `block_list`.
"""
