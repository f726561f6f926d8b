async def robust_analysis(client, assistant_id, file_path, max_retries=3):
    """Robust analysis with retry logic"""
    for attempt in range(max_retries):
        try:
            # Upload file
            with open(file_path, 'rb') as f:
                file = client.files.create(file=f, purpose='assistants')
            
            # Create thread and run
            thread = client.beta.threads.create()
            message = client.beta.threads.messages.create(
                thread_id=thread.id,
                role="user",
                content="Analyze this Excel file comprehensively",
                file_ids=[file.id]
            )
            
            run = client.beta.threads.runs.create(
                thread_id=thread.id,
                assistant_id=assistant_id
            )
            
            # Wait for completion with timeout
            timeout = 300  # 5 minutes
            start_time = time.time()
            while run.status not in ['completed', 'failed']:
                if time.time() - start_time > timeout:
                    raise TimeoutError("Analysis timed out")
                
                run = client.beta.threads.runs.retrieve(
                    thread_id=thread.id,
                    run_id=run.id
                )
                await asyncio.sleep(1)
            
            if run.status == 'completed':
                return thread
            else:
                raise Exception(f"Run failed: {run.last_error}")
                
        except Exception as e:
            if attempt < max_retries - 1:
                print(f"Attempt {attempt + 1} failed: {e}. Retrying...")
                await asyncio.sleep(2 ** attempt)  # Exponential backoff
            else:
                raise
