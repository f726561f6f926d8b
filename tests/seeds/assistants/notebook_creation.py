def create_notebook_from_thread(client, thread_id):
    """Convert Code Interpreter session to Jupyter notebook"""
    import nbformat as nbf
    
    # Get all messages
    messages = client.beta.threads.messages.list(thread_id=thread_id)
    
    # Create notebook
    nb = nbf.v4.new_notebook()
    cells = []
    
    for msg in messages.data:
        if msg.role == 'user':
            cells.append(nbf.v4.new_markdown_cell(f"**User Query:**\n{msg.content[0].text.value}"))
        else:
            # Add code cells from code interpreter
            for content in msg.content:
                if hasattr(content, 'text'):
                    cells.append(nbf.v4.new_markdown_cell(content.text.value))
            
            # Extract code from annotations
            if hasattr(msg, 'run_id'):
                run = client.beta.threads.runs.retrieve(
                    thread_id=thread_id,
                    run_id=msg.run_id
                )
                for step in client.beta.threads.runs.steps.list(
                    thread_id=thread_id,
                    run_id=msg.run_id
                ):
                    if step.type == 'tool_calls':
                        for tool_call in step.step_details.tool_calls:
                            if tool_call.type == 'code_interpreter':
                                code = tool_call.code_interpreter.input
                                cells.append(nbf.v4.new_code_cell(code))
    
    nb.cells = cells
    return nb
