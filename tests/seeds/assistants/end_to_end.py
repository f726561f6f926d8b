# Complete integration example
class CodeInterpreterExcelAnalyzer:
    def __init__(self, api_key):
        self.client = OpenAI(api_key=api_key)
        self.assistant = self._setup_assistant()
    
    def _setup_assistant(self):
        return self.client.beta.assistants.create(
            name="Excel Analysis Expert",
            instructions="""You are an Excel analysis expert. When analyzing files:
            1. First examine the file structure and all sheets
            2. Identify data types, relationships, and quality issues
            3. Perform appropriate statistical analysis
            4. Create meaningful visualizations
            5. Provide actionable insights
            
            Always explain your analysis process and findings clearly.""",
            tools=[{"type": "code_interpreter"}],
            model="gpt-4-1106-preview"
        )
    
    def analyze(self, excel_path):
        # Upload file
        with open(excel_path, 'rb') as f:
            file = self.client.files.create(file=f, purpose='assistants')
        
        # Create analysis thread
        thread = self.client.beta.threads.create(
            messages=[{
                "role": "user",
                "content": "Please perform a comprehensive analysis of this Excel file",
                "file_ids": [file.id]
            }]
        )
        
        # (A run was created here and left alone; while it is active, the one below is refused.)
        # Stream results
        with self.client.beta.threads.runs.create_and_stream(
            thread_id=thread.id,
            assistant_id=self.assistant.id,
        ) as stream:
            for event in stream:
                if event.event == 'thread.message.delta':  # was event.type, which no event has
                    print(event.data.delta.content[0].text.value, end='')
        
        return thread

# Usage
analyzer = CodeInterpreterExcelAnalyzer(api_key="sk-...")
thread = analyzer.analyze("sales_report.xlsx")
